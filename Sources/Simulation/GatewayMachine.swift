import Gateway
import Wire

/// One simulated gateway: a process that may stop or die, and a packet path that outlives it.
struct GatewayMachine: SimulatedMachine {
  var router: GatewayRouter
  let address: InternetAddress
  var clock: Machine.Clock
  var process = Machine.Process.running
  var timerAt = UInt64.max
  var timerNumber: UInt32 = 0
  var backlog: [UInt32] = []
  var incarnation: UInt64
  var sequence: UInt64 = 0
  var path = Path()
  var isActive = false

  var nextDeadline: Instant? { router.nextDeadline }

  /// What the kernel holds: it goes by the lease, not by the process.
  struct Path {
    var states = [State](repeating: .dropping, count: 256)
    /// By the machine's own clock.
    var lease: UInt64 = 0

    enum State { case dropping, holding, forwarding }
  }

  /// What the kernel would decide of a frame to this virtual MAC now.
  func forwards(_ forwarder: Int, at time: UInt64) -> Bool { path.states[forwarder] == .forwarding && clock.local(time) < path.lease }
}

/// A datagram on the simulated wire. Instead of a seal it carries what the seal would prove.
struct GatewayDatagram {
  var packet: GlbpPacket
  var sender: InternetAddress
  var incarnation: UInt64
  var sequence: UInt64
  var origin: Int
  /// The Ethernet address that its frame comes from: a forwarder's, or the sender's own.
  var source: GatewayRouter.Source
  /// Made by somebody who has no key.
  var isForged = false
}
