import CPacketPath

/// Neighbour discovery (RFC 4861) for the cluster addresses; what ARP is to IPv4.
///
/// Only solicitations for a cluster address are ours. Everything else passes, to whatever address: the answer to a member's own
/// solicitation comes to the address that it asked from, which may be the cluster's, and belongs to no work unit.
extension Path {
  @inline(__always) func neighbour(
    _ frame: Packet, _ network: Packet, _ networkOffset: UInt, _ headers: Headers, _ type: UInt8
  ) -> Outcome {
    let message = headers.transport
    let passed = Outcome(.pass, .neighbourPassed)
    guard type == 135 || type == 136, headers.transportLength >= 24, message.holds(24) else { return passed }
    let target = message.loadAddress(8)
    if type == 135 && isCluster(target) { return solicited(frame, network, networkOffset, headers, target) }
    // A claim: an advertisement of a cluster address, or a solicitation from one. Its link-layer address is its first option.
    guard isCluster(type == 136 ? target : headers.source), headers.transportLength >= 32, message.holds(32) else { return passed }
    guard message.load(24, as: UInt16.self) == (type == 136 ? 0x0102 : 0x0101) else { return passed }
    return claim(by: message.loadMAC(26), otherwise: .neighbourPassed)
  }

  @inline(__always) private func solicited(
    _ frame: Packet, _ network: Packet, _ networkOffset: UInt, _ headers: Headers, _ target: Address
  ) -> Outcome {
    guard has(skein_flag_master) else { return Outcome(.drop, .neighbourNotMaster) }
    guard headers.transportLength <= 64 else { return Outcome(.drop, .neighbourUnanswerable) }
    guard isValid(network, headers) else { return Outcome(.drop, .neighbourInvalid) }
    guard leaseIsValid else { return Outcome(.drop, .neighbourLeaseExpired) }
    let asker = frame.loadMAC(6)
    guard asker & 1 == 0 else { return Outcome(.drop, .neighbourInvalid) }
    // The answer has one option of eight octets: usually just what the solicitation had.
    let change = Int32(truncatingIfNeeded: networkOffset &+ 72) &- Int32(truncatingIfNeeded: frame.length)
    var room = frame
    if change != 0 {
      guard let resized = memory.resized(frame, by: change) else { return Outcome(.drop, .neighbourUnanswerable) }
      room = resized
    }
    let packet = room.from(networkOffset)
    guard room.holds(14), packet.holds(72) else { return Outcome(.drop, .neighbourUnanswerable) }
    answer(room, packet, headers.source, target, asker)
    return Outcome(.transmit, .neighbourAnswered)
  }

  /// RFC 4861, 7.1.1.
  @inline(__always) private func isValid(_ network: Packet, _ headers: Headers) -> Bool {
    guard headers.isPlain, headers.transportLength & 7 == 0, network.holds(64) else { return false }
    guard network.load(7, as: UInt8.self) == 255, network.load(41, as: UInt8.self) == 0 else { return false }
    if headers.source.isUnspecified && UInt8(truncatingIfNeeded: headers.destination.high) != 0xff { return false }
    var sum = pseudoHeader(headers.source, headers.destination, UInt32(truncatingIfNeeded: headers.transportLength))
    for offset in stride(from: UInt(40), to: 64, by: 4) { sum = sum &+ UInt64(network.load(offset, as: UInt32.self)) }
    for index in 0..<UInt(5) {
      let offset = 64 &+ index &* 8
      guard offset &- 40 < headers.transportLength else { break }
      guard network.holds(offset &+ 8) else { return false }
      if index == 0 && network.load(offset &+ 1, as: UInt8.self) == 0 { return false }
      sum = sum &+ UInt64(network.load(offset, as: UInt32.self)) &+ UInt64(network.load(offset &+ 4, as: UInt32.self))
    }
    return folded(sum) == 0xffff
  }

  /// The advertisement. To a solicitation without a source (duplicate address detection) it goes to all nodes, unsolicited.
  @inline(__always) private func answer(_ frame: Packet, _ packet: Packet, _ asker: Address, _ target: Address, _ askerMAC: UInt64) {
    let toAll = asker.isUnspecified
    let destination = toAll ? Address(high: 0x0000_02ff, low: 0x0100_0000_0000_0000) : asker
    let hardware = skein_shared_mac(settings)
    frame.storeMAC(toAll ? 0x0100_0000_3333 : askerMAC, at: 0)
    frame.storeMAC(skein_own_mac(settings), at: 6)
    packet.store(UInt16(32).bigEndian, at: 4)
    packet.store(IPProtocol.icmpv6, at: 6)
    packet.store(UInt8(255), at: 7)
    packet.storeAddress(target, at: 8)
    packet.storeAddress(destination, at: 24)
    // Router, solicited, override: the first octet.
    let flags: UInt32 = 0x20 | (toAll ? 0 : 0x40) | (has(skein_flag_routing) ? 0x80 : 0)
    let option = UInt32(0x0102) | UInt32(truncatingIfNeeded: hardware) << 16
    let optionEnd = UInt32(truncatingIfNeeded: hardware >> 16)
    var sum = pseudoHeader(target, destination, 32) &+ 136 &+ UInt64(flags) &+ UInt64(option) &+ UInt64(optionEnd)
    sum = sum &+ summed(target)
    packet.store(UInt32(136) | UInt32(folded(sum) ^ 0xffff) << 16, at: 40)
    packet.store(flags, at: 44)
    packet.storeAddress(target, at: 48)
    packet.store(option, at: 64)
    packet.store(optionEnd, at: 68)
  }

  @inline(__always) private func pseudoHeader(_ source: Address, _ destination: Address, _ length: UInt32) -> UInt64 {
    summed(source) &+ summed(destination) &+ UInt64(length.bigEndian) &+ UInt64(UInt32(IPProtocol.icmpv6).bigEndian)
  }

  @inline(__always) private func summed(_ address: Address) -> UInt64 {
    let words = address.words
    return UInt64(words.0) &+ UInt64(words.1) &+ UInt64(words.2) &+ UInt64(words.3)
  }

  /// The one's complement sum in 16 bits (RFC 1071).
  @inline(__always) private func folded(_ sum: UInt64) -> UInt16 {
    var x = (sum & 0xffff_ffff) &+ (sum >> 32)
    x = (x & 0xffff) &+ (x >> 16)
    x = (x & 0xffff) &+ (x >> 16)
    x = (x & 0xffff) &+ (x >> 16)
    return UInt16(truncatingIfNeeded: x)
  }
}
