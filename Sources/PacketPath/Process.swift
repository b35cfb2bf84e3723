import CPacketPath

/// The whole packet path: one frame, its verdict, and one counter raised. The frame may have been rewritten.
@inline(__always) func process<Memory: Tables>(_ frame: Packet, _ memory: Memory) -> Outcome {
  guard let settings = memory.settings else { return Outcome(.drop, .tableMissing) }
  let path = Path(memory, settings)
  let outcome = _fastPath(path.has(skein_flag_enabled)) ? path.dispatch(frame) : Outcome(.pass, .disabled)
  memory.count(outcome.counter)
  return outcome
}

extension Path {
  /// What a cluster's members see most goes a short way to the same verdict: TCP or UDP over IPv4, without tag, options or fragments, to a
  /// cluster address. It costs a drop a third less.
  @inline(__always) fileprivate func dispatch(_ frame: Packet) -> Outcome {
    if _fastPath(frame.holds(42) && frame.load(12, as: UInt16.self) == 0x0008 && Headers.isPlainV4(frame.from(constant: 14))) {
      let headers = Headers(plainV4: frame.from(constant: 14))
      let station = station(frame)
      if _fastPath((station == .shared || station == .own) && isCluster(headers.destination)) {
        return decideForCluster(frame, headers, station)
      }
    }
    return dispatchAny(memory.afresh(frame))
  }

  /// By EtherType, behind at most two VLAN tags (802.1Q, 802.1ad).
  @inline(__always) private func dispatchAny(_ frame: Packet) -> Outcome {
    guard frame.holds(14) else { return Outcome(.pass, .malformedPassed) }
    var type: UInt16 = frame.load(12)
    var offset: UInt = 14
    for _ in 0..<2 {
      guard type == 0x0081 || type == 0xa888 else { break }
      let tag = frame.from(offset)
      guard tag.holds(4) else { return Outcome(.pass, .malformedPassed) }
      type = tag.load(2)
      offset = offset &+ 4
    }
    let network = frame.from(merging: offset, limit: 31)
    if type == 0x0608 { return resolve(frame, network) }
    if type == 0x0008 {
      guard network.holds(20) else { return Outcome(.pass, .malformedPassed) }
      return decide(frame, network, offset, Headers(v4: network), isIPv6: false)
    }
    guard type == 0xdd86 else { return Outcome(.pass, .otherProtocol) }
    guard network.holds(40) else { return Outcome(.pass, .malformedPassed) }
    return decide(frame, network, offset, Headers(v6: network), isIPv6: true)
  }
}
