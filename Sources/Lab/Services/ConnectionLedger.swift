/// What became of every connection to an echo, and the questions one asks afterwards. Times are nanoseconds on the boot clock.
struct ConnectionLedger: Sendable {
  struct Exchange: Equatable, Sendable {
    var sentAt: UInt64
    /// When its echo was complete; 0 when it was not.
    var answeredAt: UInt64 = 0
  }

  /// How a connection was lost.
  enum Loss: Equatable, Sendable {
    /// The other end, or somebody in its name, sent a RST.
    case reset
    /// It ended otherwise.
    case broken
    /// What was sent found no echo for as long as anybody would wait.
    case unanswered
  }

  struct Connection: Sendable {
    var openedAt: UInt64
    var exchanges: [Exchange] = []
    var loss: Loss?
    var lostAt: UInt64 = 0
    /// The client has closed it, as it should.
    var isClosed = false

    var isAnswered: Bool { exchanges.contains { $0.answeredAt != 0 } }
    /// What it waits for, and since when; nil for nothing.
    var waitsSince: UInt64? {
      guard loss == nil, !isClosed else { return nil }
      guard let last = exchanges.last else { return openedAt }
      return last.answeredAt == 0 ? last.sentAt : nil
    }
  }

  /// How long a client waits for an echo before it gives the connection up.
  static let patience: UInt64 = 15_000_000_000

  private(set) var connections: [Connection] = []
  /// Echoes that are not what was sent.
  private(set) var wrong = 0

  mutating func opened(at time: UInt64) { connections.append(Connection(openedAt: time)) }
  mutating func sent(_ connection: Int, at time: UInt64) { connections[connection].exchanges.append(Exchange(sentAt: time)) }

  mutating func answered(_ connection: Int, at time: UInt64) {
    connections[connection].exchanges.indices.last.map { connections[connection].exchanges[$0].answeredAt = time }
  }

  mutating func noteWrong() { wrong += 1 }
  mutating func closed(_ connection: Int) { connections[connection].isClosed = true }

  mutating func lost(_ connection: Int, _ loss: Loss, at time: UInt64) {
    guard connections[connection].loss == nil, !connections[connection].isClosed else { return }
    connections[connection].loss = loss
    connections[connection].lostAt = time
  }
}

extension ConnectionLedger {
  /// Connections that had an echo before this time and were not lost by then.
  func established(before time: UInt64) -> [Int] {
    connections.indices.filter { index in
      let connection = connections[index]
      guard let first = connection.exchanges.first, first.answeredAt != 0, first.answeredAt < time else { return false }
      return connection.loss == nil || connection.lostAt >= time
    }
  }

  /// How many of these were lost at any time, or in this way.
  func lost(_ which: some Sequence<Int>, _ loss: Loss? = nil) -> Int {
    which.reduce(0) { sum, index in
      guard let own = connections[index].loss else { return sum }
      return sum + (loss == nil || loss == own ? 1 : 0)
    }
  }

  /// The longest that the connection waited for an echo, of all waiting that touches the window; one that never came is waited for to
  /// the connection's or the window's end.
  func longestWait(_ connection: Int, in window: Range<UInt64>) -> UInt64 {
    let own = connections[connection]
    return own.exchanges.reduce(0) { longest, exchange in
      let end = exchange.answeredAt != 0 ? exchange.answeredAt : own.loss != nil ? own.lostAt : window.upperBound
      guard exchange.sentAt < window.upperBound, end > window.lowerBound else { return longest }
      return max(longest, end - min(end, exchange.sentAt))
    }
  }

  /// Whether each connection that is neither lost nor closed has an echo of what was sent since `time`.
  func isAnswered(since time: UInt64) -> Bool {
    connections.allSatisfy { connection in
      guard connection.loss == nil, !connection.isClosed else { return true }
      return connection.exchanges.reversed().prefix { $0.sentAt >= time }.contains { $0.answeredAt != 0 }
    }
  }
}
