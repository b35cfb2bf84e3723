// Bodies of the keepalives, and of the lists and tables that they announce the versions of.

extension MasterKeepalive: ClusterBody {
  init(from reader: inout OctetReader) throws(WireError) {
    term = try Term(from: &reader)
    sequence = try reader.integer()
    let part = try Part(from: &reader)
    (self.part, partCount) = (part.number, part.count)
    intervalMicroseconds = try reader.integer()
    toleratedLosses = try reader.integer()
    memberCount = try reader.integer(upTo: ClusterLimits.memberCount, "member count")
    memberListVersion = try reader.integer()
    assignmentVersion = try reader.integer()
    entries = try reader.list(limit: ClusterLimits.keepaliveEntryCount) { reader throws(WireError) in try Entry(from: &reader) }
    guard intervalMicroseconds != 0 else { throw .badValue(field: "interval") }
    guard ClusterLimits.toleratedLosses.contains(toleratedLosses) else { throw .badValue(field: "tolerated losses") }
  }

  func encode(into octets: inout [UInt8]) {
    octets.append(integer: term.rawValue)
    octets.append(integer: sequence)
    Part(part, of: partCount).encode(into: &octets)
    octets.append(integer: intervalMicroseconds)
    octets.append(toleratedLosses)
    octets.append(integer: memberCount)
    octets.append(integer: memberListVersion)
    octets.append(integer: assignmentVersion)
    octets.append(count: entries.count, limit: ClusterLimits.keepaliveEntryCount)
    for entry in entries { entry.encode(into: &octets) }
  }
}

extension MasterKeepalive.Entry {
  init(from reader: inout OctetReader) throws(WireError) {
    self.init(
      member: try MemberIdentifier(from: &reader), incarnation: try reader.integer(), echo: try reader.integer(),
      unitCount: try reader.integer(upTo: UnitSet.unitCount, "unit count"), unitsDigest: try reader.integer(),
      loss: try reader.integer())
  }

  func encode(into octets: inout [UInt8]) {
    octets.append(integer: member.rawValue)
    octets.append(integer: incarnation)
    octets.append(integer: echo)
    octets.append(integer: unitCount)
    octets.append(integer: unitsDigest)
    octets.append(integer: loss)
  }
}

extension MemberList: ClusterBody {
  init(from reader: inout OctetReader) throws(WireError) {
    term = try Term(from: &reader)
    version = try reader.integer()
    let part = try Part(from: &reader)
    (self.part, partCount) = (part.number, part.count)
    members = try reader.list(limit: ClusterLimits.profileCount) { reader throws(WireError) in
      Member(profile: try MemberProfile(from: &reader), isDraining: try reader.flags(1) & 1 != 0)
    }
  }

  func encode(into octets: inout [UInt8]) {
    octets.append(integer: term.rawValue)
    octets.append(integer: version)
    Part(part, of: partCount).encode(into: &octets)
    octets.append(count: members.count, limit: ClusterLimits.profileCount)
    for member in members {
      member.profile.encode(into: &octets)
      octets.append(flags: member.isDraining)
    }
  }
}

extension AssignmentTable: ClusterBody {
  init(from reader: inout OctetReader) throws(WireError) {
    term = try Term(from: &reader)
    version = try reader.integer()
    let part = try Part(from: &reader)
    (self.part, partCount) = (part.number, part.count)
    assignments = try reader.list(limit: ClusterLimits.assignmentCount) { reader throws(WireError) in
      Assignment(member: try MemberIdentifier(from: &reader), units: try UnitSet(from: &reader))
    }
  }

  func encode(into octets: inout [UInt8]) {
    octets.append(integer: term.rawValue)
    octets.append(integer: version)
    Part(part, of: partCount).encode(into: &octets)
    octets.append(count: assignments.count, limit: ClusterLimits.assignmentCount)
    for assignment in assignments {
      octets.append(integer: assignment.member.rawValue)
      assignment.units.encode(into: &octets)
    }
  }
}

extension AssignmentQuery: ClusterBody {
  init(from reader: inout OctetReader) throws(WireError) {
    self.init(
      term: try Term(from: &reader), memberListVersion: try reader.integer(), assignmentVersion: try reader.integer(),
      unitsDigest: try reader.integer())
  }

  func encode(into octets: inout [UInt8]) {
    octets.append(integer: term.rawValue)
    octets.append(integer: memberListVersion)
    octets.append(integer: assignmentVersion)
    octets.append(integer: unitsDigest)
  }
}

extension ClientKeepalive: ClusterBody {
  init(from reader: inout OctetReader) throws(WireError) {
    term = try Term(from: &reader)
    sequence = try reader.integer()
    masterSequence = try reader.integer()
    memberListVersion = try reader.integer()
    assignmentVersion = try reader.integer()
    packetsPerSecond = try reader.integer()
    let flags = try reader.flags(2)
    isDraining = flags & 1 != 0
    isLeaving = flags & 2 != 0
  }

  func encode(into octets: inout [UInt8]) {
    octets.append(integer: term.rawValue)
    octets.append(integer: sequence)
    octets.append(integer: masterSequence)
    octets.append(integer: memberListVersion)
    octets.append(integer: assignmentVersion)
    octets.append(integer: packetsPerSecond)
    octets.append(flags: isDraining, isLeaving)
  }
}
