import Gateway
import Wire

extension GatewayRouter.Report {
  /// One of many virtual MAC addresses that come and go; what it is about, an arrival, a death, a move, is told beside it.
  var isRoutine: Bool {
    switch self {
    case .assigned(_, _, .registered), .assigned(_, _, .holderLost), .forwarding, .stoppedForwarding: true
    case .assigned, .state, .activeGateway, .gatewayFound, .gatewayLost, .redirectEnded, .retired, .weight, .draining, .conflict,
      .leaseLapsed, .carrierLost, .carrierFound:
      false
    }
  }

  /// The event in a sentence, for `skein gateway history`.
  var text: String {
    switch self {
    case .state(let phase, let reason): "this gateway is \(phase.words): \(reason.words)"
    case .activeGateway(let address): "\(address) is the active virtual gateway"
    case .gatewayFound(let address): "gateway \(address) is there"
    case .gatewayLost(let address, let reason): "gateway \(address) is gone: \(reason.words)"
    case .assigned(let number, let address, let reason): "forwarder \(number) goes to \(address): \(reason.words)"
    case .forwarding(let number): "forwarder \(number) is here"
    case .stoppedForwarding(let number, let reason): "forwarder \(number) is here no more: \(reason.words)"
    case .redirectEnded(let number): "forwarder \(number): hosts are answered with it no more, its home has been gone for too long"
    case .retired(let number): "forwarder \(number) is retired: nobody serves it any more"
    case .weight(let weight, let isForwarding): "weight \(weight): this gateway \(isForwarding ? "forwards" : "forwards nothing")"
    case .draining(let on): on ? "this gateway gives its forwarders away" : "this gateway takes forwarders again"
    case .conflict(let ethernet, let address): "\(ethernet) uses \(address), which is the group's"
    case .leaseLapsed: "this daemon stood still for too long; the others may have taken over"
    case .carrierLost: "the interface has no carrier"
    case .carrierFound: "the interface has a carrier again"
    }
  }
}

extension GatewayRouter.Phase {
  fileprivate var words: String {
    switch self {
    case .starting: "starting"
    case .listen: "listening"
    case .speak: "standing for election"
    case .standby: "the standby"
    case .active: "the active virtual gateway"
    case .down: "down"
    case .left: "out of the group"
    }
  }
}

extension GatewayRouter.StateReason {
  fileprivate var words: String {
    switch self {
    case .started: "it has just started"
    case .nobodyElse: "nobody else is"
    case .activeSilent: "the active one is gone"
    case .preempted: "a higher priority takes over"
    case .lostTie: "another active one is preferred"
    case .betterStandby: "another is the better standby"
    case .bestStandby: "it is the best behind the active one"
    case .leaseLapsed: "it stood still for too long"
    case .carrierLost: "the carrier is lost"
    case .carrierFound: "the carrier is back"
    case .asked: "it was asked to"
    case .cluster: "the cluster says so"
    }
  }
}

extension GatewayRouter.LossReason {
  fileprivate var words: String {
    switch self {
    case .silent: "silent for its hold time"
    case .left: "it left"
    case .restarted: "its daemon was started again"
    }
  }
}

extension GatewayRouter.AssignmentReason {
  fileprivate var words: String {
    switch self {
    case .registered: "it registered"
    case .holderLost: "its holder is gone"
    case .holderRefused: "its holder does not take it"
    case .home: "its home is back"
    case .balance: "to balance the traffic"
    case .drain: "its holder drains"
    case .claimed: "it claims it"
    }
  }
}

extension GatewayRouter.StopReason {
  fileprivate var words: String {
    switch self {
    case .moved: "it moved"
    case .taken: "another gateway took it"
    case .leaseLapsed: "this daemon stood still for too long"
    case .carrierLost: "the carrier is lost"
    case .left: "this gateway leaves"
    case .retired: "it is retired"
    }
  }
}
