import Wire

/// What the group knows of its forwarders: of each, the newest word of whoever kept the table when it was said. Each record stands for
/// itself, and the higher serial wins; so parts of tables may be lost, doubled and out of order.
struct ForwarderTable: Sendable {
  /// One forwarder.
  struct Record: Hashable, Sendable {
    /// Where it belongs, and goes back to.
    var home: InternetAddress?
    /// Who is to forward for it.
    var holder: InternetAddress?
    var isRedirectEnded = false
    var isRetired = false
    /// Nobody had it when this was said.
    var isFree = false
    var serial: UInt32 = 0
    /// When this gateway learnt that `holder` is the holder, and who was before, as far as it knows.
    var learned = Instant.zero
    var previous: InternetAddress?
  }

  /// Serials beyond are nobody's: two thousand million moves of an honest group take longer than any of its machines last.
  static let serialLimit: UInt32 = 1 << 31

  private var records: [Record?] = Array(repeating: nil, count: 256)
  private var highest: UInt8 = 0
  /// How many forwarders have a record.
  private(set) var count = 0
  private(set) var newestSerial: UInt32 = 0

  /// The numbers that may have a record, in rising order.
  var numbers: ClosedRange<UInt8> { 1...max(1, highest) }

  subscript(forwarder: UInt8) -> Record? { records[Int(forwarder)] }

  /// Takes in another gateway's word; whether it is newer than ours.
  mutating func merge(_ entry: GlbpTable.Entry, at now: Instant) -> Bool {
    guard entry.serial <= Self.serialLimit else { return false }
    newestSerial = max(newestSerial, entry.serial)
    let old = records[Int(entry.forwarder)]
    guard old.map({ isNewer(entry, than: $0) }) ?? true else { return false }
    var record = Record(
      home: entry.home, holder: entry.holder, isRedirectEnded: entry.isRedirectEnded, isRetired: entry.isRetired, isFree: entry.isFree,
      serial: entry.serial)
    follow(old, &record, at: now)
    put(record, entry.forwarder)
    return true
  }

  /// The word of this gateway, which keeps the table: newer than everything that it has heard.
  mutating func set(_ forwarder: UInt8, at now: Instant, _ change: (inout Record) -> Void) {
    let old = records[Int(forwarder)]
    var record = old ?? Record()
    change(&record)
    newestSerial = min(newestSerial + 1, Self.serialLimit)
    record.serial = newestSerial
    follow(old, &record, at: now)
    put(record, forwarder)
  }

  private func isNewer(_ entry: GlbpTable.Entry, than record: Record) -> Bool {
    (entry.serial, entry.holder ?? .unspecified) > (record.serial, record.holder ?? .unspecified)
  }

  private func follow(_ old: Record?, _ record: inout Record, at now: Instant) {
    let isSame = old?.holder == record.holder && old != nil
    record.learned = isSame ? old?.learned ?? now : now
    record.previous = isSame ? old?.previous : old?.holder
  }

  private mutating func put(_ record: Record, _ forwarder: UInt8) {
    if records[Int(forwarder)] == nil { count += 1 }
    records[Int(forwarder)] = record
    highest = max(highest, forwarder)
  }

  /// Entries for the wire: of all forwarders, or of those that `isIncluded`.
  func entries(where isIncluded: (UInt8) -> Bool = { _ in true }) -> [GlbpTable.Entry] {
    numbers.compactMap { number in
      guard let record = self[number], isIncluded(number) else { return nil }
      return GlbpTable.Entry(
        forwarder: number, home: record.home, holder: record.holder, isRedirectEnded: record.isRedirectEnded,
        isRetired: record.isRetired, isFree: record.isFree, serial: record.serial)
    }
  }
}
