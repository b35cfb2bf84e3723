import Gateway
import Host
import PacketPath
import Wire

/// A host's frames to one virtual MAC, and the switch between: it learns where a frame's source is, and every port is a queue.
struct FrameStream {
  let forwarder: UInt8
  let interval: UInt64
  /// Where the switch thinks the virtual MAC is.
  var learned: Int?
  /// How often each frame was forwarded, and when it was last.
  var forwarded: [Int] = []
  private var last = -1
  var figures = MoveFigures()
  /// When the last delivery at each port is, and the last arrival at the switch.
  var portBusyUntil: [UInt64]
  var isSending = true

  init(forwarder: UInt8, interval: UInt64, portCount: Int) {
    self.forwarder = forwarder
    self.interval = interval
    portBusyUntil = Array(repeating: 0, count: portCount)
  }

  mutating func forward(_ frame: Int) {
    forwarded[frame] += 1
    if frame < last { figures.overtaken += 1 }
    last = max(last, frame)
  }

  /// A host's packet to a distant address, by the virtual MAC.
  func frame(_ number: Int) -> [UInt8] {
    var frame = ClientTraffic.frame(client: 0, port: 1024, number: UInt32(number))
    frame.replaceSubrange(0..<6, with: EthernetAddress.virtual(group: GatewayWorld.group, forwarder: forwarder).octets)
    frame.replaceSubrange(30..<34, with: [10, 9, 0, 1])
    return frame
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
    if let forwarder = datagram.source.virtualForwarder?.forwarder, forwarder == stream?.forwarder { stream?.learned = datagram.origin }
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

  /// The packet path decides, by the machine's own clock.
  private mutating func pass(_ number: Int, at index: Int) {
    guard var frame = stream?.frame(number) else { return }
    let now = machines[index].clock.local(time)
    let outcome = frame.withUnsafeMutableBytes { machines[index].native.process($0, now: now) }
    switch outcome.verdict {
    case .pass: stream?.forward(number)
    case .up:
      stream?.figures.held += 1
      sendUp(.init(outcome, frame), visibleAt: time, index)
    case .drop, .transmit, .redirect: break
    }
  }
}
