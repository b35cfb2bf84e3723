// Our member TLV, type 0xf1: who speaks, and what it wants.

/// Who speaks, if it is one of us.
public struct GlbpMember: Hashable, Sendable, GlbpBody {
  /// The version that this program speaks.
  public static let protocolVersion: UInt8 = 1

  /// The version of our TLVs that the sender speaks. A later one may append fields, which are passed over.
  public var protocolVersion: UInt8
  /// The sender's own address in the LAN: what a gateway is identified by.
  public var address: InternetAddress
  /// How many forwarders it wants as its own, 1…32; 0 for none.
  public var wantedForwarderCount: UInt8
  /// Its target share of the traffic, beside the others'; all the same for equal parts.
  public var share: UInt16
  /// It is to carry nothing any more: its forwarders are moved away, one after the other.
  public var isDraining: Bool
  /// It stops now: whatever it still carries is to be taken over at once. A farewell.
  public var isLeaving: Bool
  /// Its weight is below the lower threshold: it does not forward.
  public var isBelowThreshold: Bool
  /// It understands moves: a forwarder may be given to it, or taken from it, while it is in use.
  public var canMove: Bool

  /// A member.
  public init(
    protocolVersion: UInt8 = Self.protocolVersion, address: InternetAddress, wantedForwarderCount: UInt8, share: UInt16,
    isDraining: Bool = false, isLeaving: Bool = false, isBelowThreshold: Bool = false, canMove: Bool = true
  ) {
    self.protocolVersion = protocolVersion
    self.address = address
    self.wantedForwarderCount = wantedForwarderCount
    self.share = share
    self.isDraining = isDraining
    self.isLeaving = isLeaving
    self.isBelowThreshold = isBelowThreshold
    self.canMove = canMove
  }

  init(from reader: inout OctetReader) throws(WireError) {
    protocolVersion = try reader.integer()
    address = try InternetAddress(from: &reader)
    wantedForwarderCount = try reader.integer()
    share = try reader.integer()
    let flags: UInt8 = try reader.integer()
    isDraining = flags & 1 != 0
    isLeaving = flags & 2 != 0
    isBelowThreshold = flags & 4 != 0
    canMove = flags & 8 != 0
    guard protocolVersion != 0 else { throw .badValue(field: "GLBP member version") }
  }

  func encode(into octets: inout [UInt8]) {
    octets.append(protocolVersion)
    address.encode(into: &octets)
    octets.append(wantedForwarderCount)
    octets.append(integer: share)
    octets.append(flags: isDraining, isLeaving, isBelowThreshold, canMove)
  }
}
