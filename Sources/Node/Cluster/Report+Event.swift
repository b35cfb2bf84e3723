import Cluster
import Wire

extension Event {
  /// What the decision maker reports, as an event. A lease that has run out while this process stood still, for `standstill`, has that reason.
  init(reporting report: ClusterMember.Report, standstill: Interval? = nil) {
    var fields = EventFields()
    switch report {
    case .becameMaster(let term, let reason): self.init(.becameMaster, reason.rawValue, .init { $0.term = term.rawValue })
    case .steppedDown(let term, let reason): self.init(.steppedDown, reason.rawValue, .init { $0.term = term.rawValue })
    case .following(let master, let term):
      self.init(.following, nil, .init { ($0.member, $0.term) = (Int(master.rawValue), term.rawValue) })
    case .masterSilent(let master, let term):
      self.init(.masterSilent, nil, .init { ($0.member, $0.term) = (Int(master.rawValue), term.rawValue) })
    case .servingAlone: self.init(.servingAlone)
    case .idleAlone: self.init(.idleAlone)
    case .leaseLapsed:
      self.init(
        .leaseLapsed, standstill == nil ? "notRenewed" : "standstill",
        .init { $0.standstillMilliseconds = standstill.map { Int($0.inMilliseconds) } })
    case .newGroupKey(let epoch): self.init(.groupKeyRenewed, nil, .init { $0.epoch = epoch })
    case .carrierLost: self.init(.carrierLost)
    case .carrierFound: self.init(.carrierFound)
    case .memberJoined(let member, let address, let kept):
      (fields.member, fields.address, fields.units) = (Int(member.rawValue), "\(address)", kept > 0 ? kept : nil)
      self.init(.memberJoined, nil, fields)
    case .memberLeft(let member, let reason, let units):
      (fields.member, fields.units) = (Int(member.rawValue), units)
      self.init(.memberLeft, reason.rawValue, fields)
    case .refusedBy(let master, let address, let reason, let explanation):
      (fields.member, fields.address, fields.explanation) = (Int(master.rawValue), "\(address)", explanation.isEmpty ? nil : explanation)
      self.init(.refusedByMaster, "\(reason)", fields)
    case .refusedJoiner(let member, let reason, let explanation):
      (fields.member, fields.explanation) = (Int(member.rawValue), explanation.isEmpty ? nil : explanation)
      self.init(.joinerRefused, "\(reason)", fields)
    case .exited(let reason, let member):
      fields.member = Int(member.rawValue)
      self.init(.toldToLeave, "\(reason)", fields)
    case .draining(let member, let isDraining):
      fields.member = Int(member.rawValue)
      self.init(isDraining ? .memberDraining : .memberUndrained, nil, fields)
    case .addressInUse(let address, let ethernet, let waits):
      (fields.address, fields.ethernetAddress) = ("\(address)", "\(ethernet)")
      self.init(.addressInUse, waits ? "otherCluster" : "noCluster", fields)
    case .unitsAssigned(let units, let member):
      fields.take(units)
      fields.to = Int(member.rawValue)
      self.init(.unitsAssigned, nil, fields)
    case .unitsMoving(let units, let from, let to, let reason):
      fields.take(units)
      (fields.from, fields.to) = (Int(from.rawValue), Int(to.rawValue))
      self.init(.unitsMoving, reason.rawValue, fields)
    case .unitsOwned(let units):
      fields.take(units)
      self.init(.unitsOwned, nil, fields)
    case .unitsStopped(let units):
      fields.take(units)
      self.init(.unitsStopped, nil, fields)
    case .conflictingClaims(let units, let member):
      fields.take(units)
      fields.member = Int(member.rawValue)
      self.init(.conflictingClaims, nil, fields)
    }
  }
}

extension EventFields {
  fileprivate mutating func take(_ units: UnitSet) {
    self.units = units.count
    unit = units.count == 1 ? units.first { _ in true } : nil
  }
}
