import CPacketPath

// For `skein bench flows`: a program run again and again on one frame sees one flow, and leaves the frame rewritten. These two first make the
// frame what it was, with the next of many clients, and then do what the packet path does, or nothing.
//
// The frame holds, behind a TCP header and two octets: at 64 the state of the clients' sequence, at 72 the number of clients less one, a mask, at 76 whether it is
// an answer, which is to the client,
// and at 80 the frame's first 56 octets as they are to be.

extension Packet {
  /// Puts the frame back, from the next client of the sequence; false for another frame.
  @inline(__always) fileprivate func renew() -> Bool {
    guard holds(136) else { return false }
    let state = load(64, as: UInt64.self) &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    store(state, at: 64)
    for octet in UInt(0)..<7 { store(load(80 &+ octet &* 8, as: UInt64.self), at: octet &* 8) }
    let client = UInt32(truncatingIfNeeded: state >> 32) & load(72, as: UInt32.self)
    if load(76, as: UInt32.self) == 0 {
      store(measuredAddress(client), at: 26)
      store(measuredPort(client), at: 34)
    } else {
      store(measuredAddress(client), at: 30)
      store(measuredPort(client), at: 36)
    }
    return true
  }
}

/// The packet path, with another client for each packet.
@_cdecl("skein_measured") public func skeinMeasured(_ context: UnsafePointer<skein_xdp_context>) -> Int32 {
  let memory = KernelTables(context: context)
  let frame = Packet(context)
  return frame.renew() ? memory.end(begin(frame, memory)) : 0
}

/// What `skein_measured` takes beside the packet path.
@_cdecl("skein_measured_floor") public func skeinMeasuredFloor(_ context: UnsafePointer<skein_xdp_context>) -> Int32 {
  Packet(context).renew() ? 1 : 0
}
