// Our table TLV, type 0xf3: whose each forwarder is, by the word of the active virtual gateway.
//
// A table may be longer than a TLV, and than a packet. So every TLV is a part that stands for itself: it names the gateways that its entries
// speak of, and is the whole truth about its entries. Parts may be lost, repeated, or come in any order; the newest version of an entry counts.

/// A part of the table of forwarders.
public struct GlbpTable: Hashable, Sendable, GlbpBody {
  /// One forwarder.
  public struct Entry: Hashable, Sendable {
    /// The forwarder, 1…255.
    public var forwarder: UInt8
    /// The gateway that it was given to, and goes back to.
    public var home: InternetAddress?
    /// The gateway that carries it, or shall: nil for nobody.
    public var holder: InternetAddress?
    /// Redirect has run out: it is not handed out any more, its holder still forwards.
    public var isRedirectEnded: Bool
    /// Timeout has run out: nobody forwards for it.
    public var isRetired: Bool
    /// Nobody has it, as far as the table knows: `holder` begins at once unless it hears somebody forward.
    public var isFree: Bool
    /// Which move made `holder` its holder; grows with each.
    public var serial: UInt32

    /// One forwarder.
    public init(
      forwarder: UInt8, home: InternetAddress?, holder: InternetAddress?, isRedirectEnded: Bool = false, isRetired: Bool = false,
      isFree: Bool = false, serial: UInt32
    ) {
      self.forwarder = forwarder
      self.home = home
      self.holder = holder
      self.isRedirectEnded = isRedirectEnded
      self.isRetired = isRetired
      self.isFree = isFree
      self.serial = serial
    }
  }

  /// The table's version; grows with each change.
  public var version: UInt64
  /// How many gateways the whole table names.
  public var gatewayCount: UInt8
  /// How many forwarders the whole table has.
  public var forwarderCount: UInt8
  /// The gateways that this part names: all that its entries speak of, and perhaps some that have nothing.
  public private(set) var gateways: [InternetAddress]
  /// The forwarders of this part.
  public private(set) var entries: [Entry]

  /// A part. Gateways that only entries speak of are added to `gateways`.
  public init(version: UInt64, gatewayCount: UInt8, forwarderCount: UInt8, gateways: [InternetAddress] = [], entries: [Entry]) {
    self.version = version
    self.gatewayCount = gatewayCount
    self.forwarderCount = forwarderCount
    self.gateways = gateways
    self.entries = entries
    for gateway in entries.flatMap({ [$0.home, $0.holder] }) { add(gateway) }
  }

  init(from reader: inout OctetReader) throws(WireError) {
    version = try reader.integer()
    gatewayCount = try reader.integer()
    forwarderCount = try reader.integer()
    let gateways = try reader.list(limit: GlbpLimits.tableGatewayCount) { reader throws(WireError) in
      try InternetAddress(typedFrom: &reader)
    }
    entries = try reader.list(limit: GlbpLimits.tableEntryCount) { reader throws(WireError) in
      try Entry(from: &reader, gateways: gateways)
    }
    self.gateways = gateways
    guard Set(gateways).count == gateways.count else { throw .badValue(field: "GLBP table: a gateway twice") }
    guard Set(entries.map(\.forwarder)).count == entries.count else { throw .badValue(field: "GLBP table: a forwarder twice") }
  }

  func encode(into octets: inout [UInt8]) {
    octets.append(integer: version)
    octets.append(contentsOf: [gatewayCount, forwarderCount])
    octets.append(count: gateways.count, limit: GlbpLimits.tableGatewayCount)
    for gateway in gateways { gateway.encodeTyped(into: &octets) }
    octets.append(count: entries.count, limit: GlbpLimits.tableEntryCount)
    for entry in entries { entry.encode(into: &octets, gateways: gateways) }
  }

  private mutating func add(_ gateway: InternetAddress?) {
    if let gateway, !gateways.contains(gateway) { gateways.append(gateway) }
  }
}

extension GlbpTable {
  /// The whole table in as many TLVs as it takes, each a part that stands for itself. At most 255 gateways, and each forwarder once.
  public static func tlvs(version: UInt64, gateways: [InternetAddress], entries: [Entry]) -> [GlbpTlv] {
    let named = entries.flatMap { [$0.home, $0.holder].compactMap { $0 } }
    let all = Set(gateways + named)
    precondition(all.count <= 255 && entries.count <= 255, "a table of \(all.count) gateways and \(entries.count) forwarders")
    var parts: [GlbpTable] = []
    let empty = GlbpTable(version: version, gatewayCount: UInt8(all.count), forwarderCount: UInt8(entries.count), entries: [])
    func put(_ change: (inout GlbpTable) -> Void) {
      var grown = parts.last ?? empty
      change(&grown)
      if grown.fits, !parts.isEmpty { return parts[parts.count - 1] = grown }
      var fresh = empty
      change(&fresh)
      parts.append(fresh)
    }
    for entry in entries { put { $0.add(entry) } }
    for gateway in gateways where !named.contains(gateway) { put { $0.add(gateway) } }
    return (parts.isEmpty ? [empty] : parts).map(GlbpTlv.table)
  }

  private mutating func add(_ entry: Entry) {
    entries.append(entry)
    add(entry.home)
    add(entry.holder)
  }

  private var fits: Bool {
    entries.count <= GlbpLimits.tableEntryCount && gateways.count <= GlbpLimits.tableGatewayCount
      && GlbpTlv.table(self).byteCount <= GlbpLimits.bodyByteCount + GlbpDatagram.Field.tlvHeaderByteCount
  }
}

extension GlbpTable.Entry {
  /// What stands in place of a gateway's index for nobody.
  private static let nobody: UInt8 = 0xff

  init(from reader: inout OctetReader, gateways: [InternetAddress]) throws(WireError) {
    forwarder = try reader.forwarder()
    home = try Self.gateway(try reader.integer(), of: gateways)
    holder = try Self.gateway(try reader.integer(), of: gateways)
    let flags = try reader.flags(3)
    isRedirectEnded = flags & 1 != 0
    isRetired = flags & 2 != 0
    isFree = flags & 4 != 0
    serial = try reader.integer()
  }

  func encode(into octets: inout [UInt8], gateways: [InternetAddress]) {
    octets.append(forwarder)
    octets.append(Self.index(of: home, in: gateways))
    octets.append(Self.index(of: holder, in: gateways))
    octets.append(flags: isRedirectEnded, isRetired, isFree)
    octets.append(integer: serial)
  }

  private static func gateway(_ index: UInt8, of gateways: [InternetAddress]) throws(WireError) -> InternetAddress? {
    if index == nobody { return nil }
    guard index < gateways.count else { throw .badValue(field: "GLBP table: gateway index") }
    return gateways[Int(index)]
  }

  private static func index(of gateway: InternetAddress?, in gateways: [InternetAddress]) -> UInt8 {
    guard let gateway else { return nobody }
    guard let index = gateways.firstIndex(of: gateway) else { preconditionFailure("\(gateway) is not among a part's gateways") }
    return UInt8(index)
  }
}
