// Our traffic TLV, type 0xf2: what was measured for each forwarder, said in the hello.

/// What the sender's forwarders carried, as smoothed rates. More forwarders than fit stand in several TLVs.
public struct GlbpTraffic: Hashable, Sendable, GlbpBody {
  /// One forwarder's traffic.
  public struct Entry: Hashable, Sendable {
    /// The forwarder, 1…255.
    public var forwarder: UInt8
    /// Packets per second.
    public var packetsPerSecond: UInt32
    /// Octets per second.
    public var octetsPerSecond: UInt64

    /// One forwarder's traffic.
    public init(forwarder: UInt8, packetsPerSecond: UInt32, octetsPerSecond: UInt64) {
      self.forwarder = forwarder
      self.packetsPerSecond = packetsPerSecond
      self.octetsPerSecond = octetsPerSecond
    }
  }

  /// The forwarders, at most `GlbpLimits.trafficEntryCount`.
  public var entries: [Entry]

  /// Some forwarders' traffic.
  public init(entries: [Entry]) { self.entries = entries }

  /// As many TLVs as it takes for these.
  public static func tlvs(_ entries: [Entry]) -> [GlbpTlv] {
    stride(from: 0, to: entries.count, by: GlbpLimits.trafficEntryCount).map {
      .traffic(GlbpTraffic(entries: Array(entries.dropFirst($0).prefix(GlbpLimits.trafficEntryCount))))
    }
  }

  init(from reader: inout OctetReader) throws(WireError) {
    entries = try reader.list(limit: GlbpLimits.trafficEntryCount) { reader throws(WireError) in
      Entry(
        forwarder: try reader.forwarder(), packetsPerSecond: try reader.integer(), octetsPerSecond: try reader.integer())
    }
  }

  func encode(into octets: inout [UInt8]) {
    octets.append(count: entries.count, limit: GlbpLimits.trafficEntryCount)
    for entry in entries {
      octets.append(entry.forwarder)
      octets.append(integer: entry.packetsPerSecond)
      octets.append(integer: entry.octetsPerSecond)
    }
  }
}

extension OctetReader {
  /// A forwarder's number, 1…255.
  mutating func forwarder() throws(WireError) -> UInt8 {
    let number: UInt8 = try integer()
    guard number != 0 else { throw .badValue(field: "GLBP forwarder") }
    return number
  }
}
