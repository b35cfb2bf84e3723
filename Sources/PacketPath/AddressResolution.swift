import CPacketPath

/// ARP (RFC 826) for the cluster addresses. The stack never sees a request for one: the master answers here, the others are silent.
extension Path {
  @inline(__always) func resolve(_ frame: Packet, _ message: Packet) -> Outcome {
    guard message.holds(28) else { return Outcome(.pass, .malformedPassed) }
    // Ethernet, IPv4, addresses of six and four octets.
    guard message.load(0, as: UInt32.self) == 0x0008_0100, message.load(4, as: UInt16.self) == 0x0406 else {
      return Outcome(.pass, .arpPassed)
    }
    let sender = Address(v4: message.load(14))
    let target = Address(v4: message.load(24))
    if has(skein_flag_gateway), let outcome = resolveVirtual(frame, message, sender, target) { return outcome }
    if isCluster(sender) { return claim(by: message.loadMAC(8), otherwise: .arpPassed) }
    guard message.load(6, as: UInt16.self) == 0x0100, isCluster(target) else { return Outcome(.pass, .arpPassed) }
    guard has(skein_flag_master) else { return Outcome(.drop, .arpNotMaster) }
    guard leaseIsValid else { return Outcome(.drop, .arpLeaseExpired) }
    let asker = frame.loadMAC(6)
    guard asker & 1 == 0 else { return Outcome(.drop, .invalidAsker) }
    answer(frame, message, asker)
    return Outcome(.transmit, .arpAnswered)
  }

  /// The request, turned into its answer in place. It leaves from the machine's own address even when the cluster's is shared:
  /// a switch that once saw the shared address as a source would stop flooding it.
  @inline(__always) private func answer(_ frame: Packet, _ message: Packet, _ asker: UInt64) {
    let askerHardware = message.loadMAC(8)
    let askerAddress: UInt32 = message.load(14)
    let target: UInt32 = message.load(24)
    frame.storeMAC(asker, at: 0)
    frame.storeMAC(skein_own_mac(settings), at: 6)
    message.store(UInt16(0x0200), at: 6)
    message.storeMAC(skein_shared_mac(settings), at: 8)
    message.store(target, at: 14)
    message.storeMAC(askerHardware, at: 18)
    message.store(askerAddress, at: 24)
  }

  /// Somebody says that a cluster address is at `hardware`. Left alone, but counted when it is a stranger. With forwarding, the
  /// address is at the master's own, which the other members do not know here.
  @inline(__always) func claim(by hardware: UInt64, otherwise counter: PacketCounter) -> Outcome {
    let mayDiffer = has(skein_flag_forwarding) && !has(skein_flag_master)
    if hardware != skein_shared_mac(settings) && !mayDiffer { return Outcome(.pass, .duplicateAddress) }
    return Outcome(.pass, counter)
  }
}
