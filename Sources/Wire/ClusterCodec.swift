// Message bodies to octets and back. One body has one encoding: what decodes also encodes to the same octets, because every flag that is
// not used must be 0 and nothing may follow the end.

/// A message body's octets.
protocol ClusterBody {
  /// Appends the body. A value above its limit is a mistake of the caller and stops the program.
  func encode(into octets: inout [UInt8])
  /// Reads the body; the caller checks that nothing follows it.
  init(from reader: inout OctetReader) throws(WireError)
}

extension ClusterMessage {
  /// The number that goes into the header.
  public var type: ClusterMessageType {
    switch self {
    case .joinRequest: .joinRequest
    case .joinOk: .joinOk
    case .nak: .nak
    case .offerMaster: .offerMaster
    case .otherMasterExists: .otherMasterExists
    case .exitCluster: .exitCluster
    case .personalityRequest: .personalityRequest
    case .personalityPart: .personalityPart
    case .masterKeepalive: .masterKeepalive
    case .memberList: .memberList
    case .assignmentTable: .assignmentTable
    case .assignmentQuery: .assignmentQuery
    case .clientKeepalive: .clientKeepalive
    case .assign: .assign
    case .deassign: .deassign
    case .acknowledge: .acknowledge
    case .loadReport: .loadReport
    case .stateTransfer: .stateTransfer
    case .groupKey: .groupKey
    }
  }

  /// The body's octets. They fit a datagram with header and protection whenever the value keeps `ClusterLimits`; a value that does not is a
  /// mistake of the caller and stops the program (an explanation that is too long is cut instead).
  public func encodeBody() -> [UInt8] {
    var octets: [UInt8] = []
    octets.reserveCapacity(ClusterLimits.datagramByteCount)
    body.encode(into: &octets)
    return octets
  }

  private var body: any ClusterBody {
    switch self {
    case .joinRequest(let body): body
    case .joinOk(let body): body
    case .nak(let body): body
    case .offerMaster(let body): body
    case .otherMasterExists(let body): body
    case .exitCluster(let body): body
    case .personalityRequest(let body): body
    case .personalityPart(let body): body
    case .masterKeepalive(let body): body
    case .memberList(let body): body
    case .assignmentTable(let body): body
    case .assignmentQuery(let body): body
    case .clientKeepalive(let body): body
    case .assign(let body): body
    case .deassign(let body): body
    case .acknowledge(let body): body
    case .loadReport(let body): body
    case .stateTransfer(let body): body
    case .groupKey(let body): body
    }
  }

  /// The message of this type with this body, which must have been authenticated: its limits are checked, its sense is not.
  public init(type: ClusterMessageType, body: ArraySlice<UInt8>) throws(WireError) {
    var reader = OctetReader(body)
    self = try Self.decode(type, from: &reader)
    try reader.end()
  }

  private static func decode(_ type: ClusterMessageType, from reader: inout OctetReader) throws(WireError) -> ClusterMessage {
    switch type {
    case .joinRequest: .joinRequest(try JoinRequest(from: &reader))
    case .joinOk: .joinOk(try JoinOk(from: &reader))
    case .nak: .nak(try Nak(from: &reader))
    case .offerMaster: .offerMaster(try OfferMaster(from: &reader))
    case .otherMasterExists: .otherMasterExists(try OtherMasterExists(from: &reader))
    case .exitCluster: .exitCluster(try ExitCluster(from: &reader))
    case .personalityRequest: .personalityRequest(try PersonalityRequest(from: &reader))
    case .personalityPart: .personalityPart(try PersonalityPart(from: &reader))
    case .masterKeepalive: .masterKeepalive(try MasterKeepalive(from: &reader))
    case .memberList: .memberList(try MemberList(from: &reader))
    case .assignmentTable: .assignmentTable(try AssignmentTable(from: &reader))
    case .assignmentQuery: .assignmentQuery(try AssignmentQuery(from: &reader))
    case .clientKeepalive: .clientKeepalive(try ClientKeepalive(from: &reader))
    case .assign: .assign(try Assign(from: &reader))
    case .deassign: .deassign(try Deassign(from: &reader))
    case .acknowledge: .acknowledge(try Acknowledge(from: &reader))
    case .loadReport: .loadReport(try LoadReport(from: &reader))
    case .stateTransfer: .stateTransfer(try StateTransfer(from: &reader))
    case .groupKey: .groupKey(try GroupKeyHandover(from: &reader))
    }
  }
}
