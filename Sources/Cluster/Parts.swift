/// What a master tells in several messages, as a list or a table that fits no single one: nothing counts before all parts of one version are
/// here, and no older version does after that.
struct Parts<Element: Sendable>: Sendable {
  /// The last that was whole; 0 before the first.
  private(set) var version: UInt32 = 0
  private var incoming: UInt32 = 0
  private var parts: [UInt8: [Element]] = [:]

  /// Takes in a part, counted from 0; answers the elements of all, in order, once the version is whole.
  mutating func take(_ elements: [Element], part: UInt8, of count: UInt8, version: UInt32) -> [Element]? {
    guard version > self.version, version >= incoming, part < count else { return nil }
    if version != incoming { (incoming, parts) = (version, [:]) }
    parts[part] = elements
    guard parts.count == Int(count) else { return nil }
    defer { parts = [:] }
    self.version = version
    return (0..<count).flatMap { parts[$0] ?? [] }
  }
}
