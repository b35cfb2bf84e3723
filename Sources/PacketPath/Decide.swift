import CPacketPath

/// Whom a frame's destination hardware address means.
enum Station: UInt8 {
  case own, shared, group, other
  /// A virtual MAC address of the gateway's group.
  case virtual
}

/// Whom a packet's destination address means.
enum Destination: UInt8 {
  case cluster
  /// This machine.
  case own
  /// Multicast, broadcast or link-local: never forwarded.
  case onLink
  case elsewhere
}

extension Path {
  @inline(__always) private func destination(_ address: Address) -> Destination {
    if isCluster(address) { return .cluster }
    if isOwn(address) { return .own }
    return address.staysOnLink ? .onLink : .elsewhere
  }

  /// The verdict on an IP packet (WO 00/31945, Figure 9).
  @inline(__always) func decide(
    _ frame: Packet, _ network: Packet, _ networkOffset: UInt, _ headers: @autoclosure () -> Headers, isIPv6: Bool
  ) -> Outcome {
    // Asked before the headers are followed: there is one way here, and there are many from there.
    let destination = destination(isIPv6 ? network.loadAddress(24) : Address(v4: network.load(16)))
    let headers = headers()
    let station = station(frame)
    if isIPv6 && headers.transportProtocol == IPProtocol.icmpv6 && headers.isWhole && !headers.isFaulty {
      guard headers.transportLength >= 8, headers.transport.holds(8) else { return malformed(destination) }
      let type: UInt8 = headers.transport.load(0)
      if has(skein_flag_gateway), type == 135 || type == 136, let outcome = neighbourVirtual(frame, network, headers, type) {
        return outcome
      }
      if type >= 133 && type <= 137 && station != .virtual { return neighbour(frame, network, networkOffset, headers, type) }
    }
    if station == .virtual { return decideForwarder(frame, network, networkOffset, headers, destination, isIPv6: isIPv6) }
    guard destination == .cluster else { return decideElsewhere(frame, headers, destination, station) }
    return decideForCluster(frame, headers, station)
  }

  /// The verdict on a packet to a cluster address.
  @inline(__always) func decideForCluster(_ frame: Packet, _ headers: Headers, _ station: Station) -> Outcome {
    if _slowPath(station == .group) { return Outcome(.drop, .groupFrame) }
    if _slowPath(station == .other) { return Outcome(.pass, .otherStation) }
    if _slowPath(headers.isMalformed) { return Outcome(.drop, .malformed) }
    if _slowPath(headers.hasTooManyHeaders) { return Outcome(.drop, .headerLimit) }
    switch classifyForCluster(headers) {
    case .unit(let unit): return settle(frame, unit, taken: .taken)
    case .malformed: return Outcome(.drop, .malformed)
    case .unknownFragment: return settleUnknownFragment(frame, station)
    }
  }

  /// A packet that is not for the cluster: for the stack, or router work.
  @inline(__always) private func decideElsewhere(
    _ frame: Packet, _ headers: Headers, _ destination: Destination, _ station: Station
  ) -> Outcome {
    if station == .other { return Outcome(.pass, .otherStation) }
    if station == .group || destination == .onLink { return passed(headers, .group) }
    if destination == .own { return passed(headers, .ownAddress) }
    let isRouterWork = has(skein_flag_routing) && (station == .shared || has(skein_flag_forwarding))
    guard isRouterWork else {
      // Every member hears the shared address: what none of them is asked for must not reach the stack of all.
      if station == .shared { return Outcome(.drop, .foreign) }
      return passed(headers, .toStack)
    }
    if headers.isMalformed { return station == .shared ? Outcome(.drop, .malformed) : Outcome(.pass, .malformedPassed) }
    return settle(frame, classifyForwarding(headers), taken: .routed)
  }

  /// To the stack, for this reason unless something is wrong with it.
  @inline(__always) private func passed(_ headers: Headers, _ counter: PacketCounter) -> Outcome {
    if headers.isMalformed { return Outcome(.pass, .malformedPassed) }
    return Outcome(.pass, headers.hasTooManyHeaders ? .headerLimitPassed : counter)
  }

  @inline(__always) private func malformed(_ destination: Destination) -> Outcome {
    destination == .cluster ? Outcome(.drop, .malformed) : Outcome(.pass, .malformedPassed)
  }

  @inline(__always) func station(_ frame: Packet) -> Station {
    let address = frame.loadMAC(0)
    if address == skein_own_mac(settings) { return .own }
    if _fastPath(address == skein_shared_mac(settings)) { return .shared }
    if has(skein_flag_gateway) && forwarder(of: address) != 0 { return .virtual }
    return address & 1 != 0 ? .group : .other
  }

  /// Mine, a member's or nobody's. The clock is read only when this machine is about to do something: to drop needs no lease.
  @inline(__always) private func settle(_ frame: Packet, _ unit: UInt32, taken: PacketCounter) -> Outcome {
    guard let record = memory.unit(unit) else { return Outcome(.drop, .tableMissing, unit: unit) }
    let state = skein_unit_load(record)
    guard state.mine != 0 || has(skein_flag_master) else { return Outcome(.drop, .notMine, unit: unit) }
    let isUnassigned = state.owner == UInt16(skein_no_member)
    // Owned by this machine and not yet "mine": its state is still coming in, so it is held like anybody's that has not acknowledged.
    let isAcknowledged = state.acknowledged != 0 && state.owner != settings.pointee.own_member && !isUnassigned
    if state.mine == 0 && isAcknowledged && !has(skein_flag_forwarding) { return Outcome(.drop, .leftToMember, unit: unit) }
    guard leaseIsValid else { return Outcome(.drop, .leaseExpired, unit: unit) }
    if state.mine == UInt8(skein_mine) {
      take(frame)
      memory.count(octets: UInt64(frame.length), of: unit)
      return Outcome(.pass, taken, unit: unit)
    }
    if isAcknowledged && state.mine == 0 { return forward(frame, unit, to: state.owner) }
    guard has(skein_flag_hold) else {
      return Outcome(.drop, isUnassigned ? .unassignedDropped : .unacknowledgedDropped, unit: unit)
    }
    return isUnassigned && state.mine == 0
      ? hold(frame, unit, skein_upcall_unassigned, .unassigned) : hold(frame, unit, skein_upcall_unacknowledged, .unacknowledged)
  }

  /// A later fragment without a first: the master holds it until the first has been seen. To anybody else it was either sent by the
  /// master, which knew, or is somebody's whom this machine cannot name.
  @inline(__always) private func settleUnknownFragment(_ frame: Packet, _ station: Station) -> Outcome {
    let isMaster = has(skein_flag_master)
    guard isMaster || station == .own else { return Outcome(.drop, .fragmentUnknown) }
    guard leaseIsValid else { return Outcome(.drop, .leaseExpired) }
    guard isMaster else { return Outcome(.pass, .fragmentTaken) }
    guard has(skein_flag_hold) else { return Outcome(.drop, .fragmentUnknown) }
    return hold(frame, Outcome.noUnit, skein_upcall_fragment, .fragmentHeld)
  }

  /// For the stack, a frame must be to this machine's own address; TCP ignores what came by multicast.
  @inline(__always) private func take(_ frame: Packet) {
    let own = skein_own_mac(settings)
    if frame.loadMAC(0) != own { frame.storeMAC(own, at: 0) }
  }

  @inline(__always) private func forward(_ frame: Packet, _ unit: UInt32, to owner: UInt16) -> Outcome {
    guard let member = memory.member(UInt32(owner)), member.pointee.in_use != 0 else {
      return Outcome(.drop, .memberMissing, unit: unit)
    }
    frame.storeMAC(skein_member_mac(member), at: 0)
    frame.storeMAC(skein_own_mac(settings), at: 6)
    return Outcome(.transmit, .forwarded, unit: unit)
  }

  @inline(__always) private func hold(_ frame: Packet, _ unit: UInt32, _ reason: skein_upcall_reason, _ counter: PacketCounter) -> Outcome {
    memory.sendUp(frame, unit: unit, reason: reason) ? Outcome(.up, counter, unit: unit) : Outcome(.drop, .ringFull, unit: unit)
  }
}
