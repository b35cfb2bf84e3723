import CPacketPath

// The packet path is a first program, which decides about what a cluster's members see most, and two behind it. A stage answers with what
// becomes of the frame, or with the stage that goes on, from the beginning.

/// The whole packet path: one frame, its verdict, and one counter raised. The frame may have been rewritten.
@inline(__always) func process<Memory: Tables>(_ frame: Packet, _ memory: Memory) -> Outcome {
  var step = begin(frame, memory)
  while case .goOn(let stage) = step { step = goOn(stage, frame, memory) }
  guard case .done(let outcome) = step else { return Outcome(.drop, .tableMissing) }
  memory.count(outcome.counter)
  return outcome
}

/// The first stage.
@inline(__always) func begin<Memory: Tables>(_ frame: Packet, _ memory: Memory) -> Step {
  let flags = memory.settings.pointee.flags
  // A member that is not the master, and no service or session that counts otherwise: decided by code of its own, which need not ask for them.
  if _fastPath(skein_plain_flags(memory.settings) == UInt8(skein_flag_enabled.rawValue)) {
    return Path(memory, flags: flags & ~UInt64(skein_flags_of_plain.rawValue) | UInt64(skein_flag_enabled.rawValue)).begin(frame)
  }
  let path = Path(memory, flags: flags)
  return _fastPath(path.has(skein_flag_enabled)) ? path.begin(frame) : .pass(.disabled)
}

/// One of those behind it.
@inline(__always) func goOn<Memory: Tables>(_ stage: Stage, _ frame: Packet, _ memory: Memory) -> Step {
  let path = Path(memory)
  return switch stage {
  case .whole: path.dispatch(frame)
  case .forwarder: path.dispatchForwarder(frame)
  case .virtualServer: path.dispatchVirtualServer(frame)
  }
}

extension Path {
  /// TCP or UDP, without tag, options, extension headers or fragments, to a cluster address, unless it must wait for its owner: decided here.
  @inline(__always) fileprivate func begin(_ frame: Packet) -> Step {
    guard _fastPath(frame.holds(42)) else { return .goOn(.whole) }
    if let packet = PlainV4(frame) { return begin(frame, packet) }
    guard frame.holds(62), let packet = PlainV6(frame) else { return .goOn(.whole) }
    return begin(frame, packet)
  }

  @inline(__always) private func begin(_ frame: Packet, _ packet: some PlainPacket) -> Step {
    if _fastPath(isToMembers(frame)) {
      if packet.isToCluster(self) {
        if let unit = unit(of: packet) { return settle(frame, unit, taken: .taken, waiting: .goOn(.whole)) }
      } else if hasVirtualServers, !isOwn(packet.destination), let unit = unit(ofAnswer: packet) {
        return settle(frame, unit, taken: .taken, waiting: .goOn(.whole))
      }
    }
    // Loaded once more: what is kept for this would cost those that do not come here.
    return .goOn(station(frame.from(0)) == .virtual ? .forwarder : .whole)
  }

  @inline(__always) fileprivate func dispatch(_ frame: Packet) -> Step {
    switch network(of: frame) {
    case .arp(let packet): .done(resolve(frame, packet))
    case .v4(let packet, let offset): decide(frame, packet, offset, Headers(v4: packet), isIPv6: false)
    case .v6(let packet, let offset): decide(frame, packet, offset, Headers(v6: packet), isIPv6: true)
    case .other(let counter): .pass(counter)
    }
  }

  @inline(__always) fileprivate func dispatchForwarder(_ frame: Packet) -> Step {
    switch network(of: frame) {
    case .v4(let packet, let offset): .done(decideForwarder(frame, packet, offset, Headers(v4: packet), isIPv6: false))
    case .v6(let packet, let offset): .done(decideForwarder(frame, packet, offset, Headers(v6: packet), isIPv6: true))
    case .arp: .pass(.arpPassed)
    case .other(let counter): .pass(counter)
    }
  }

  /// By EtherType, behind at most two VLAN tags (802.1Q, 802.1ad).
  @inline(__always) func network(of frame: Packet) -> NetworkPacket {
    guard frame.holds(14) else { return .other(.malformedPassed) }
    var type: UInt16 = frame.load(12)
    var offset: UInt = 14
    for _ in 0..<2 {
      guard type == 0x0081 || type == 0xa888 else { break }
      let tag = frame.from(offset)
      guard tag.holds(4) else { return .other(.malformedPassed) }
      type = tag.load(2)
      offset = offset &+ 4
    }
    let network = frame.from(merging: offset, limit: 31)
    if type == 0x0608 { return .arp(network) }
    if type == 0x0008 { return network.holds(20) ? .v4(network, offset) : .other(.malformedPassed) }
    guard type == 0xdd86 else { return .other(.otherProtocol) }
    return network.holds(40) ? .v6(network, offset) : .other(.malformedPassed)
  }
}

/// What a frame carries, and how many octets into it.
enum NetworkPacket {
  case arp(Packet)
  /// The fixed header is held.
  case v4(Packet, UInt)
  case v6(Packet, UInt)
  /// Neither; passed, and counted so.
  case other(PacketCounter)
}
