/// What becomes of a packet. The numbers are XDP's, as far as it has one.
public enum Verdict: UInt32, Sendable {
  /// It is dropped.
  case drop = 1
  /// It goes to the local stack.
  case pass = 2
  /// It goes out by the interface that it came in by, rewritten.
  case transmit = 3
  /// It goes out by another interface, rewritten, where the kernel's routes lead.
  case redirect = 4
  /// It goes up to the daemon.
  case up = 5
}

/// What became of a packet, and why.
public struct Outcome: Equatable, Sendable {
  /// What becomes of the packet.
  public var verdict: Verdict
  /// The reason, which is also the counter that was raised.
  public var counter: PacketCounter
  /// The work unit that the packet belongs to; `noUnit` when that question was not reached or has no answer.
  public var unit: UInt32

  /// No work unit.
  public static var noUnit: UInt32 { 0xffff }

  @inline(__always) init(_ verdict: Verdict, _ counter: PacketCounter, unit: UInt32 = 0xffff) {
    self.verdict = verdict
    self.counter = counter
    self.unit = unit
  }
}

/// The programs that the packet path is made of, behind the first. Each is verified by itself, so what one must follow costs the other nothing.
enum Stage: UInt32 {
  /// Whatever may come.
  case whole
  /// IP packets to a virtual MAC address of the gateway's group.
  case forwarder
  /// Packets of this machine's units where there are virtual servers: from their clients, and from real servers.
  case virtualServer
}

/// What a stage has come to.
enum Step {
  case done(Outcome)
  case goOn(Stage)

  @inline(__always) static func drop(_ counter: PacketCounter, unit: UInt32 = 0xffff) -> Self { .done(Outcome(.drop, counter, unit: unit)) }
  @inline(__always) static func pass(_ counter: PacketCounter, unit: UInt32 = 0xffff) -> Self { .done(Outcome(.pass, counter, unit: unit)) }
}
