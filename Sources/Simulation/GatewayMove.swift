import Gateway
import Wire

/// A host's frames to one virtual MAC, and the switch between: it learns where a frame's source is, and every port is a queue.
struct FrameStream {
  let forwarder: UInt8
  let interval: UInt64
  /// Where the switch thinks the virtual MAC is.
  var learned: Int?
  /// How often each frame was forwarded, and when it was last.
  var forwarded: [Int] = []
  private var held: [[Int]]
  private var last = -1
  var figures = MoveFigures()
  /// When the last delivery at each port is, and the last arrival at the switch.
  var portBusyUntil: [UInt64]
  var isSending = true

  init(forwarder: UInt8, interval: UInt64, portCount: Int) {
    self.forwarder = forwarder
    self.interval = interval
    held = Array(repeating: [], count: portCount)
    portBusyUntil = Array(repeating: 0, count: portCount)
  }

  mutating func hold(_ frame: Int, at index: Int) {
    held[index].append(frame)
    figures.held += 1
  }

  mutating func forward(_ frame: Int) {
    forwarded[frame] += 1
    if frame < last { figures.overtaken += 1 }
    last = max(last, frame)
  }

  mutating func drop(_ forwarder: UInt8, at index: Int) { if forwarder == self.forwarder { held[index] = [] } }

  mutating func takeHeld(at index: Int) -> [Int] {
    defer { held[index] = [] }
    return held[index]
  }
}

extension GatewayWorld {
  private static let frameMark: UInt32 = 1 << 31

  /// Two gateways at least; the loads of table 2 make the active one move a forwarder, which the host's stream goes to.
  mutating func measureMove(interval: Interval) -> MoveFigures {
    stream = FrameStream(forwarder: 1, interval: interval.nanoseconds, portCount: machines.count)
    begin()
    advance(until: 3_000_000_000)
    sendFrame()
    advance(until: 4_000_000_000)
    for _ in 0..<8 {
      guard let holder = machines.indices.first(where: { machines[$0].forwards(1, at: time) }) else { break }
      feed(.drain(true), to: holder)
      advance(until: time + 500_000_000 + random.below(UInt64(200_000_000)))
      feed(.drain(false), to: holder)
      advance(until: time + 100_000_000)
      if machines.indices.first(where: { machines[$0].forwards(1, at: time) }) != holder { stream?.figures.moves += 1 }
    }
    stream?.isSending = false
    advance(until: time + 1_000_000_000)
    var figures = stream?.figures ?? MoveFigures()
    let counts = stream?.forwarded ?? []
    figures.sent = counts.count
    figures.lost = counts.count { $0 == 0 }
    figures.forwardedTwice = counts.count { $0 > 1 }
    return figures
  }

  private mutating func sendFrame() {
    stream?.forwarded.append(0)
    queue.add(
      .switching, at: time + options.delay.lowerBound.nanoseconds, value: Self.frameMark | UInt32((stream?.forwarded.count ?? 1) - 1))
    if stream?.isSending == true { queue.add(.switching, at: time + (stream?.interval ?? 1), value: .max) }
  }

  /// A datagram on its way to the switch.
  mutating func toSwitch(_ slot: UInt32) {
    datagrams.retain(slot)
    let origin = datagrams[slot]?.origin ?? 0
    queue.add(.switching, at: time + options.delay.lowerBound.nanoseconds, machine: origin, value: slot)
  }

  /// At the switch, or at a port: what the queue says.
  mutating func switchOver(_ value: UInt32, _ machine: Int) {
    if value == .max { return sendFrame() }
    guard value & Self.frameMark == 0 else { return passFrame(Int(value & ~Self.frameMark), machine) }
    guard let datagram = datagrams[value] else { return }
    if case .forwarder(let forwarder) = datagram.source, forwarder == stream?.forwarder { stream?.learned = datagram.origin }
    for other in machines.indices where other != datagram.origin {
      datagrams.retain(value)
      queue.add(.delivery, at: portTime(other), machine: other, value: value)
    }
    datagrams.release(value)
  }

  /// Frames leave a port in the order in which they came to it.
  private mutating func portTime(_ port: Int) -> UInt64 {
    let span = options.delay.upperBound.nanoseconds - options.delay.lowerBound.nanoseconds
    let at = max(time + options.delay.lowerBound.nanoseconds + random.below(span + 1), (stream?.portBusyUntil[port] ?? 0) + 1)
    stream?.portBusyUntil[port] = at
    return at
  }

  /// `machine` 0 is the switch, others are ports counted from 1.
  private mutating func passFrame(_ frame: Int, _ machine: Int) {
    guard machine > 0 else {
      guard let port = stream?.learned else { return }
      return queue.add(.switching, at: portTime(port), machine: port + 1, value: Self.frameMark | UInt32(frame))
    }
    pass(frame, at: machine - 1)
  }

  private mutating func pass(_ frame: Int, at index: Int) {
    let forwarder = Int(stream?.forwarder ?? 0)
    switch machines[index].path.states[forwarder] {
    case .dropping: break
    case .holding: stream?.hold(frame, at: index)
    case .forwarding: if machines[index].forwards(forwarder, at: time) { stream?.forward(frame) }
    }
  }

  mutating func releaseHeld(_ forwarder: UInt8, _ index: Int) {
    guard forwarder == stream?.forwarder else { return }
    for frame in stream?.takeHeld(at: index) ?? [] { pass(frame, at: index) }
  }
}
