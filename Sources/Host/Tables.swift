public import CPacketPath
public import Gateway
public import PacketPath
public import Wire

extension EthernetAddress {
  /// The six octets in the order of the wire, as the packet path's settings hold them.
  public var record: (UInt8, UInt8, UInt8, UInt8, UInt8, UInt8) {
    func octet(_ index: UInt64) -> UInt8 { UInt8(truncatingIfNeeded: bits >> (40 - 8 * index)) }
    return (octet(0), octet(1), octet(2), octet(3), octet(4), octet(5))
  }
}

extension EthernetAddress {
  /// As the packet path holds it: the first octet lowest.
  var word: UInt64 { bits.byteSwapped >> 16 }
}

extension InternetAddress {
  /// The record's four words in network byte order.
  public var record: skein_address {
    func word(_ value: UInt64) -> UInt32 { UInt32(truncatingIfNeeded: value).bigEndian }
    return skein_address(words: (word(high >> 32), word(high), word(low >> 32), word(low)))
  }
}

extension InternetAddress {
  /// From the packet path's record.
  public init(_ record: skein_address) {
    let words = record.words
    func half(_ first: UInt32, _ second: UInt32) -> UInt64 { UInt64(UInt32(bigEndian: first)) << 32 | UInt64(UInt32(bigEndian: second)) }
    self.init(high: half(words.0, words.1), low: half(words.2, words.3))
  }
}

extension PacketTables {
  /// Until when this machine processes.
  public var leaseDeadline: Instant {
    get { Instant(nanoseconds: lease.pointee.deadline) }
    nonmutating set { setLease(deadline: newValue.nanoseconds) }
  }

  /// The units that this machine processes.
  public var ownUnits: UnitSet { UnitSet((0..<UnitSet.unitCount).lazy.filter { units[$0].mine == 1 }) }

  /// A member's Ethernet address; nil when it is none any more.
  public func set(member index: Int, _ address: EthernetAddress?) {
    setMember(index, ethernetAddress: address?.word)
  }

  /// One of the packet path's switches.
  public func set(flag: skein_flags, _ on: Bool) {
    let flags = settings.pointee.flags
    setFlags(on ? flags | UInt64(flag.rawValue) : flags & ~UInt64(flag.rawValue))
  }

  /// Whether one of them is on.
  public func has(flag: skein_flags) -> Bool { settings.pointee.flags & UInt64(flag.rawValue) != 0 }

  /// A daemon begins: what the last one was says nothing of this one.
  public func forgetRole() {
    set(flag: skein_flag_master, false)
    set(flag: skein_flag_answers, false)
  }

  /// All that was counted, over all reasons and processors: it stands still only while nothing arrives.
  public var packetCount: UInt64 {
    (0..<Int(skein_counter_count) * counterRows).reduce(0) { $0 &+ counters[$1] }
  }

  /// What was forwarded for each of the gateway's forwarders, of those for which anything was.
  public var volumes: [UInt8: GatewayRouter.Volume] {
    var result: [UInt8: GatewayRouter.Volume] = [:]
    for number in 1...UInt8.max {
      let volume = traffic(ofForwarder: number)
      if volume.packets > 0 { result[number] = .init(packets: volume.packets, octets: volume.octets) }
    }
    return result
  }
}
