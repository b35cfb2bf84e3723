import Gateway
import Wire

extension Event {
  /// What the gateway's decision maker reports, as an event.
  init(reporting report: GatewayRouter.Report) {
    var fields = EventFields()
    switch report {
    case .state(let phase, let reason):
      fields.state = phase.rawValue
      self.init(.gatewayState, reason.rawValue, fields)
    case .activeGateway(let address):
      fields.address = "\(address)"
      self.init(.gatewayActive, nil, fields)
    case .gatewayFound(let address):
      fields.address = "\(address)"
      self.init(.gatewayFound, nil, fields)
    case .gatewayLost(let address, let reason):
      fields.address = "\(address)"
      self.init(.gatewayLost, reason.rawValue, fields)
    case .assigned(let number, let address, let reason):
      (fields.forwarders, fields.address) = ([Int(number)], "\(address)")
      self.init(.forwarderAssigned, reason.rawValue, fields)
    case .forwarding(let number): self.init(.forwarderHere, nil, .init { $0.forwarders = [Int(number)] })
    case .stoppedForwarding(let number, let reason):
      self.init(.forwarderGone, reason.rawValue, .init { $0.forwarders = [Int(number)] })
    case .redirectEnded(let number): self.init(.forwarderHandedOutNoMore, nil, .init { $0.forwarders = [Int(number)] })
    case .retired(let number): self.init(.forwarderRetired, nil, .init { $0.forwarders = [Int(number)] })
    case .weight(let weight, let isForwarding):
      self.init(.gatewayWeight, isForwarding ? "forwards" : "forwardsNothing", .init { $0.weight = Int(weight) })
    case .draining(let on): self.init(on ? .gatewayDraining : .gatewayUndrained)
    case .conflict(let ethernet, let address):
      (fields.ethernetAddress, fields.address) = ("\(ethernet)", "\(address)")
      self.init(.gatewayAddressConflict, nil, fields)
    case .leaseLapsed: self.init(.gatewayLeaseLapsed)
    case .carrierLost: self.init(.gatewayCarrierLost)
    case .carrierFound: self.init(.gatewayCarrierFound)
    }
  }
}
