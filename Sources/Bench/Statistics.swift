extension Collection where Element: Comparable {
  /// The middle one, the upper of two; nil of none.
  var median: Element? {
    isEmpty ? nil : sorted()[count / 2]
  }
}

extension Collection<Double> {
  /// The mean of the middle half: like the median of whole numbers, but finer than they are. 0 of none.
  var midmean: Double {
    let middle = sorted().dropFirst(count / 4).dropLast(count / 4)
    return middle.isEmpty ? 0 : middle.reduce(0, +) / Double(middle.count)
  }
}

/// What a figure is held against.
public struct Goal: Codable, Hashable, Sendable {
  /// In words, as in "at most 25 ns above the empty program".
  public var text: String
  /// Whether the figure is as good.
  public var isMet: Bool

  init(_ text: String, isMet: Bool) {
    self.text = text
    self.isMet = isMet
  }

  /// For the last column of a table.
  public var verdict: String { "\(text): \(isMet ? "met" : "NOT MET")" }
}

/// A report that people read as a table, its first row the heading.
public protocol Tabular {
  /// Cells by row; every row as long as the heading.
  var rows: [[String]] { get }
}

/// Why a benchmark could not be run, for people.
public struct BenchError: Error, Sendable, CustomStringConvertible {
  /// A sentence without its full stop.
  public var description: String
  init(_ description: String) { self.description = description }
}
