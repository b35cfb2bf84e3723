import Crypto
import Wire

/// One run of one member.
struct SenderRun: Hashable {
  var member: MemberIdentifier
  var incarnation: UInt64
}

/// What is remembered of the runs that have been heard: their replay windows and, for sealed datagrams, their subkeys. Only an authentic
/// datagram makes an entry; beyond the limit the one unheard for longest goes.
struct SenderTable {
  fileprivate struct Sender {
    var window = ReplayWindow()
    var subkeys: [(epoch: UInt32, key: SymmetricKey)] = []
    var lastUse: UInt64 = 0
  }

  private var senders: [SenderRun: Sender] = [:]
  private var uses: UInt64 = 0
  private let limit: Int

  init(limit: Int) { self.limit = limit }

  var count: Int { senders.count }

  func verdict(on sequence: UInt64, of run: SenderRun) -> ReplayWindow.Verdict {
    senders[run]?.window.verdict(on: sequence) ?? .new
  }

  /// Whether an authentic datagram of this run has been heard.
  func knows(_ run: SenderRun) -> Bool { senders[run] != nil }

  func subkey(of run: SenderRun, epoch: UInt32) -> SymmetricKey? {
    senders[run]?.subkeys.first { $0.epoch == epoch }?.key
  }

  /// Marks an authentic datagram's number as seen, and keeps the subkey that opened it.
  mutating func record(_ sequence: UInt64, of run: SenderRun, epoch: UInt32 = 0, subkey: SymmetricKey? = nil) {
    makeRoom(for: run)
    uses += 1
    senders[run, default: Sender()].record(sequence, epoch: epoch, subkey: subkey, use: uses)
  }

  /// Takes nothing up to this number from a run from now on.
  mutating func refuse(upTo sequence: UInt64, of run: SenderRun) {
    makeRoom(for: run)
    uses += 1
    senders[run, default: Sender()].window.refuse(upTo: sequence)
    senders[run]?.lastUse = uses
  }

  /// To be called when an epoch's key changes.
  mutating func forgetSubkeys() {
    for run in senders.keys { senders[run]?.subkeys = [] }
  }

  private mutating func makeRoom(for run: SenderRun) {
    guard senders[run] == nil, senders.count >= limit else { return }
    guard let oldest = senders.min(by: { $0.value.lastUse < $1.value.lastUse }) else { return }
    senders[oldest.key] = nil
  }
}

extension SenderTable.Sender {
  fileprivate mutating func record(_ sequence: UInt64, epoch: UInt32, subkey: SymmetricKey?, use: UInt64) {
    window.record(sequence)
    lastUse = use
    guard let subkey, !subkeys.contains(where: { $0.epoch == epoch }) else { return }
    if subkeys.count == 2 { subkeys.removeFirst() }
    subkeys.append((epoch, subkey))
  }
}
