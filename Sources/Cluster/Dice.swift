/// Random words drawn beforehand, so that the states need not be generic over the generator. Each word is used once.
struct Dice: Sendable {
  private var words: [UInt64] = []
  private static let capacity = 16

  mutating func refill(from generator: inout some RandomNumberGenerator) {
    while words.count < Self.capacity { words.append(generator.next()) }
  }

  /// A random word other than 0, which stands for "none" on the wire.
  mutating func roll() -> UInt64 {
    guard let word = words.popLast() else { preconditionFailure("an event used more than \(Self.capacity) random words") }
    return word == 0 ? 1 : word
  }

  /// A random number below `bound`.
  mutating func roll(below bound: UInt64) -> UInt64 { bound == 0 ? 0 : roll() % bound }
}
