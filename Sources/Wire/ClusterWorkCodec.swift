// Bodies of the messages that move work units, their load and their state, and of the key handover.

extension Assign: ClusterBody {
  init(from reader: inout OctetReader) throws(WireError) {
    term = try Term(from: &reader)
    serial = try reader.integer()
    member = try MemberIdentifier(from: &reader)
    units = try UnitSet(from: &reader)
    let previousOwner = MemberIdentifier(rawValue: try reader.integer())
    guard previousOwner.rawValue != .max else { throw .badValue(field: "previous owner") }
    self.previousOwner = previousOwner.isValid ? previousOwner : nil
  }

  func encode(into octets: inout [UInt8]) {
    octets.append(integer: term.rawValue)
    octets.append(integer: serial)
    octets.append(integer: member.rawValue)
    units.encode(into: &octets)
    octets.append(integer: previousOwner?.rawValue ?? 0)
  }
}

extension Deassign: ClusterBody {
  init(from reader: inout OctetReader) throws(WireError) {
    self.init(
      term: try Term(from: &reader), serial: try reader.integer(), member: try MemberIdentifier(from: &reader),
      units: try UnitSet(from: &reader), target: try MemberIdentifier(from: &reader))
  }

  func encode(into octets: inout [UInt8]) {
    octets.append(integer: term.rawValue)
    octets.append(integer: serial)
    octets.append(integer: member.rawValue)
    units.encode(into: &octets)
    octets.append(integer: target.rawValue)
  }
}

extension Acknowledge: ClusterBody {
  init(from reader: inout OctetReader) throws(WireError) {
    self.init(term: try Term(from: &reader), serial: try reader.integer(), units: try UnitSet(from: &reader))
  }

  func encode(into octets: inout [UInt8]) {
    octets.append(integer: term.rawValue)
    octets.append(integer: serial)
    units.encode(into: &octets)
  }
}

extension LoadReport: ClusterBody {
  init(from reader: inout OctetReader) throws(WireError) {
    term = try Term(from: &reader)
    loads = try reader.list(limit: ClusterLimits.loadEntryCount) { reader throws(WireError) in
      UnitLoad(unit: try reader.unit(), packetsPerSecond: try reader.integer())
    }
  }

  func encode(into octets: inout [UInt8]) {
    octets.append(integer: term.rawValue)
    octets.append(count: loads.count, limit: ClusterLimits.loadEntryCount)
    for load in loads {
      octets.append(integer: load.unit)
      octets.append(integer: load.packetsPerSecond)
    }
  }
}

extension StateTransfer: ClusterBody {
  init(from reader: inout OctetReader) throws(WireError) {
    self.init(
      term: try Term(from: &reader), serial: try reader.integer(), unit: try reader.unit(), application: try reader.integer(),
      piece: try reader.integer(), pieceCount: try reader.integer(upTo: ClusterLimits.pieceCount, "piece count"),
      bytes: Array(try reader.countedOctets(limit: ClusterLimits.pieceByteCount)))
    guard application == 0 || piece < pieceCount else { throw .badValue(field: "piece") }
  }

  func encode(into octets: inout [UInt8]) {
    octets.append(integer: term.rawValue)
    octets.append(integer: serial)
    octets.append(integer: unit)
    octets.append(integer: application)
    octets.append(integer: piece)
    octets.append(integer: pieceCount)
    octets.append(counted: bytes, limit: ClusterLimits.pieceByteCount)
  }
}

extension GroupKeyHandover: ClusterBody {
  init(from reader: inout OctetReader) throws(WireError) {
    self.init(
      term: try Term(from: &reader), member: try MemberIdentifier(from: &reader), epoch: try reader.integer(),
      sealedGroupKey: Array(try reader.countedOctets(limit: ClusterLimits.sealedGroupKeyByteCount)))
  }

  func encode(into octets: inout [UInt8]) {
    octets.append(integer: term.rawValue)
    octets.append(integer: member.rawValue)
    octets.append(integer: epoch)
    octets.append(counted: sealedGroupKey, limit: ClusterLimits.sealedGroupKeyByteCount)
  }
}
