/// A rival's figures.
struct PeerReport: Codable, Equatable, Sendable {
  var name: String
  var advertSeconds: Double
  var silenceMilliseconds: Figures
  /// The most live machines that held the address at once. It is one machine's; with two, who gets a packet is chance.
  var addressHolders: Int
  /// Of members.
  var answeredTwice: Int?
  /// Of routers: packets forwarded twice, how long nobody was answered who asked for the gateway, and how long a run took.
  var forwardedTwice: Int?
  var answersSilenceMilliseconds: Figures?
  var secondsPerRun: Double?

  init(_ kind: VrrpDaemons.Kind, members runs: [FailoverRun]) {
    name = kind.make.rawValue
    advertSeconds = kind.advertSeconds
    silenceMilliseconds = Figures(runs.map(\.silenceMilliseconds))
    addressHolders = runs.compactMap(\.addressHolders).max() ?? 1
    answeredTwice = runs.sum(\.answeredTwice)
  }

  init(_ kind: VrrpDaemons.Kind, routers runs: [FailoverRun]) {
    self.init(kind, members: runs)
    (answeredTwice, forwardedTwice) = (nil, answeredTwice)
    answersSilenceMilliseconds = Figures(runs.map(\.answersSilenceMilliseconds))
    secondsPerRun = Figures(runs.map(\.seconds)).median
  }

  static func interval(_ seconds: Double) -> String {
    seconds < 1 ? "\((seconds * 1000).formatted(digits: 0)) ms" : "\(seconds.formatted(digits: 0)) s"
  }

  /// Its silence beside that of others.
  var line: String { "    \("\(name), \(Self.interval(advertSeconds))".padding(20))  \(silenceMilliseconds.text)" }

  /// What a table says behind its figures.
  func holders(_ words: String) -> String { addressHolders > 1 ? "  \(addressHolders) \(words)" : "" }
}

/// A rival's figures for one way to fail. Its victim is whoever holds the address.
struct MatrixPeer<Failure: FailureKind>: Codable, Equatable, Sendable {
  var how: Failure
  var figures: PeerReport
}

extension [FailoverRun] {
  func sum(_ figure: KeyPath<FailoverRun, Int>) -> Int { reduce(0) { $0 + $1[keyPath: figure] } }
}

/// Measures one cell of a table after the other on one lab. Where a cell breaks it, the next gets a new one.
/// - Parameters:
///   - lab: makes a lab for a cell, hands it over, and removes it.
///   - broken: told of a cell that could not be measured to its end, and why.
/// - Throws: `LabError.interrupted`.
func inTurn<Cell, Lab>(
  _ wanted: [Cell], on lab: @escaping (Cell, (Lab) throws -> Void) throws -> Void, measure: (Cell, Lab) throws -> Void,
  broken: (Cell, any Error) -> Void
) throws {
  var left = wanted[...]
  while let first = left.first {
    do {
      try lab(first) { lab in
        while let cell = left.first {
          try measure(cell, lab)
          left.removeFirst()
        }
      }
    } catch LabError.interrupted { throw LabError.interrupted } catch {
      // What was measured counts, also if the lab could not be taken down as it should.
      if let cell = left.popFirst() { broken(cell, error) }
    }
  }
}

/// Columns of these widths; what is too long for its column has a space behind it.
func row(_ columns: [String], _ widths: [Int]) -> String {
  zip(columns, widths).map { $0.count >= $1 ? $0 + " " : $0.padding($1) }.joined().trimmingTrailingSpaces
}
