// Our moves TLV, type 0xf4: how far the handing over of forwarders has come.

/// How far moves have come, as the sender has done its part. State, not events: said in every hello until the move is over.
public struct GlbpMoves: Hashable, Sendable, GlbpBody {
  /// How far a move is.
  public enum Phase: UInt8, Hashable, Sendable, CaseIterable {
    /// Said by the new holder: it holds the frames that come, and has announced itself to the switches.
    case incoming = 1
    /// Said by the old holder: it has stopped, and forwards nothing for this forwarder any more.
    case released = 2
  }

  /// One move.
  public struct Entry: Hashable, Sendable {
    /// The forwarder, 1…255.
    public var forwarder: UInt8
    /// Which move of it: the serial in the table.
    public var serial: UInt32
    /// How far it is.
    public var phase: Phase

    /// One move.
    public init(forwarder: UInt8, serial: UInt32, phase: Phase) {
      self.forwarder = forwarder
      self.serial = serial
      self.phase = phase
    }
  }

  /// The moves, at most `GlbpLimits.moveEntryCount`.
  public var entries: [Entry]

  /// Some moves.
  public init(entries: [Entry]) { self.entries = entries }

  /// As many TLVs as it takes for these.
  public static func tlvs(_ entries: [Entry]) -> [GlbpTlv] {
    stride(from: 0, to: entries.count, by: GlbpLimits.moveEntryCount).map {
      .moves(GlbpMoves(entries: Array(entries.dropFirst($0).prefix(GlbpLimits.moveEntryCount))))
    }
  }

  init(from reader: inout OctetReader) throws(WireError) {
    entries = try reader.list(limit: GlbpLimits.moveEntryCount) { reader throws(WireError) in
      let forwarder = try reader.forwarder()
      let serial: UInt32 = try reader.integer()
      guard let phase = Phase(rawValue: try reader.integer()) else { throw .badValue(field: "GLBP move phase") }
      return Entry(forwarder: forwarder, serial: serial, phase: phase)
    }
  }

  func encode(into octets: inout [UInt8]) {
    octets.append(count: entries.count, limit: GlbpLimits.moveEntryCount)
    for entry in entries {
      octets.append(entry.forwarder)
      octets.append(integer: entry.serial)
      octets.append(entry.phase.rawValue)
    }
  }
}
