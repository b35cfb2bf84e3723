/// Which of a sender's last 1,024 sequence numbers have been seen (RFC 6479: a ring of words, cleared a word at a time as it moves on).
/// The zero value has seen nothing.
struct ReplayWindow: Sendable {
  /// How far behind the newest a number may be.
  static let width: UInt64 = 1024
  /// One word more than the width, so that a whole word can be cleared ahead.
  private static let wordCount = Int(width / 64) + 1

  /// What is known of one number.
  enum Verdict {
    case new, seen, tooOld
  }

  private var newest: UInt64?
  private var words = InlineArray<17, UInt64>(repeating: 0)

  init() {}

  /// As if every number up to this one had been seen.
  init(seenUpTo sequence: UInt64) {
    newest = sequence
    words = InlineArray(repeating: .max)
    clear(from: sequence >> 6, through: sequence >> 6)
    words[Self.index(sequence >> 6)] = UInt64.max >> (63 - sequence & 63)
  }

  /// Whether the number may be accepted; looks only.
  func verdict(on sequence: UInt64) -> Verdict {
    guard let newest, sequence <= newest else { return .new }
    guard newest - sequence < Self.width else { return .tooOld }
    return words[Self.index(sequence >> 6)] & Self.bit(sequence) == 0 ? .new : .seen
  }

  /// Marks the number, whose verdict was `new`, as seen: to be called once the datagram is known to be authentic, never before.
  mutating func record(_ sequence: UInt64) {
    if let newest {
      if sequence > newest { advance(from: newest, to: sequence) }
    } else {
      newest = sequence
    }
    words[Self.index(sequence >> 6)] |= Self.bit(sequence)
  }

  /// Takes no number up to this one from now on, whether it has been seen or not.
  mutating func refuse(upTo sequence: UInt64) {
    guard let newest, sequence < newest else {
      self = ReplayWindow(seenUpTo: sequence)
      return
    }
    var number = newest - min(newest, Self.width - 1)
    while number <= sequence {
      words[Self.index(number >> 6)] |= Self.bit(number)
      number += 1
    }
  }

  private mutating func advance(from old: UInt64, to sequence: UInt64) {
    if sequence >> 6 > old >> 6 { clear(from: old >> 6 + 1, through: sequence >> 6) }
    newest = sequence
  }

  private mutating func clear(from first: UInt64, through last: UInt64) {
    let count = min(Int(clamping: last - first) + 1, Self.wordCount)
    for step in 0..<UInt64(count) { words[Self.index(last - step)] = 0 }
  }

  private static func index(_ word: UInt64) -> Int { Int(word % UInt64(wordCount)) }
  private static func bit(_ sequence: UInt64) -> UInt64 { 1 << (sequence & 63) }
}
