import Wire

extension GatewayRouter {
  /// What the node must do, in the order given: the packet path is told before a message that relies on it leaves.
  public enum Action: Hashable, Sendable {
    /// To the group, in one datagram from each of these Ethernet addresses; each is sealed by itself, with its own sequence number.
    case send(GlbpPacket, from: [Source])
    /// The packet path serves virtual MACs only before this deadline.
    case setLease(Instant)
    /// The packet path routes what is sent to this forwarder's virtual MAC.
    case forward(UInt8)
    /// What reaches this forwarder's virtual MAC goes up and is held: it is on its way here.
    case hold(UInt8)
    /// The packet path drops what reaches this forwarder's virtual MAC.
    case stop(UInt8)
    /// Run the frames held for this forwarder through the packet path again. Always after `forward`.
    case releaseHeld(UInt8)
    /// Forget the frames held for this forwarder.
    case dropHeld(UInt8)
    /// Whether this gateway is the active one: it is to be told of broadcast questions.
    case setActive(Bool)
    /// Answer this question with the forwarder's virtual MAC.
    case answer(AddressQuery, forwarder: UInt8)
    /// Tell the host unasked that its gateway is at this forwarder's virtual MAC: somebody else has claimed the address.
    case correct(GatewayHost, forwarder: UInt8)
    /// Inside a cluster: which member is to have which unit. The whole map, whenever it changes.
    case place([UInt8: InternetAddress])
    /// Something an operator wants to read.
    case report(Report)
    /// The gateway has left as it was asked to; it may be stopped.
    case stopped
  }

  /// Where a datagram's frame comes from, so that switches learn.
  public enum Source: Hashable, Sendable {
    case own
    case forwarder(UInt8)
  }

  /// One line of `skein gateway history`.
  public enum Report: Hashable, Sendable {
    case state(Phase, StateReason)
    /// Another gateway is the active one now.
    case activeGateway(InternetAddress)
    case gatewayFound(InternetAddress)
    case gatewayLost(InternetAddress, LossReason)
    /// As the active gateway: the forwarder is to be at `to`.
    case assigned(UInt8, to: InternetAddress, AssignmentReason)
    case forwarding(UInt8)
    case stoppedForwarding(UInt8, StopReason)
    /// The home of the forwarder has been gone for so long that it is handed out no more.
    case redirectEnded(UInt8)
    case retired(UInt8)
    case weight(UInt8, isForwarding: Bool)
    case draining(Bool)
    /// Somebody else uses a virtual address or a virtual MAC, or this gateway's own address.
    case conflict(EthernetAddress, InternetAddress)
    case leaseLapsed
    case carrierLost
    case carrierFound
  }

  /// Why this gateway has gone from one of GLBP's states to another.
  public enum StateReason: String, Hashable, Sendable, CaseIterable {
    case started, nobodyElse, activeSilent, preempted, lostTie, betterStandby, bestStandby, leaseLapsed, carrierLost,
      carrierFound, asked, cluster
  }
  /// Why a gateway is counted out: silent for its hold time, gone with a farewell, or started anew.
  public enum LossReason: String, Hashable, Sendable, CaseIterable { case silent, left, restarted }
  /// Why the gateway that keeps the table gave a forwarder to a gateway.
  public enum AssignmentReason: String, Hashable, Sendable, CaseIterable {
    case registered, holderLost, holderRefused, home, balance, drain, claimed
  }
  /// Why this gateway no longer forwards, or waits to forward, for a virtual MAC.
  public enum StopReason: String, Hashable, Sendable, CaseIterable { case moved, taken, leaseLapsed, carrierLost, left, retired }
}
