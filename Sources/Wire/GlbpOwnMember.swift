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
  /// It has listened for long enough to know the group, and may be given forwarders.
  public var isReady: Bool
  /// One run of the sender's daemon; a later one has a higher number.
  public var incarnation: UInt64
  /// Grows with each hello of the incarnation; all packets of one hello have the same.
  public var sequence: UInt64
  /// Every forwarder that the sender forwards for, whatever else is in this packet: what is missing here, it has released.
  public var carried: ForwarderSet
  /// Every forwarder that is on its way to the sender: it holds what comes for it, and waits for the old holder to stop.
  public var arriving: ForwarderSet

  /// A member.
  public init(
    protocolVersion: UInt8 = Self.protocolVersion, address: InternetAddress, wantedForwarderCount: UInt8, share: UInt16,
    isDraining: Bool = false, isLeaving: Bool = false, isBelowThreshold: Bool = false, canMove: Bool = true,
    isReady: Bool = true, incarnation: UInt64 = 0, sequence: UInt64 = 0, carried: ForwarderSet = ForwarderSet(),
    arriving: ForwarderSet = ForwarderSet()
  ) {
    self.protocolVersion = protocolVersion
    self.address = address
    self.wantedForwarderCount = wantedForwarderCount
    self.share = share
    self.isDraining = isDraining
    self.isLeaving = isLeaving
    self.isBelowThreshold = isBelowThreshold
    self.canMove = canMove
    self.isReady = isReady
    self.incarnation = incarnation
    self.sequence = sequence
    self.carried = carried
    self.arriving = arriving
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
    isReady = flags & 16 != 0
    incarnation = try reader.integer()
    sequence = try reader.integer()
    carried = try ForwarderSet(from: &reader)
    arriving = try ForwarderSet(from: &reader)
    guard protocolVersion != 0 else { throw .badValue(field: "GLBP member version") }
  }

  func encode(into octets: inout [UInt8]) {
    octets.append(protocolVersion)
    address.encode(into: &octets)
    octets.append(wantedForwarderCount)
    octets.append(integer: share)
    octets.append(flags: isDraining, isLeaving, isBelowThreshold, canMove, isReady)
    octets.append(integer: incarnation)
    octets.append(integer: sequence)
    carried.encode(into: &octets)
    arriving.encode(into: &octets)
  }
}
