import Wire

extension UnitSet {
  /// Calls `body` with each unit in rising order, without the iterator's box: the packet path's tables are walked often.
  func visit(_ body: (Int) -> Void) {
    for (index, word) in words.enumerated() where word != 0 {
      var rest = word
      while rest != 0 {
        body(index << 6 + rest.trailingZeroBitCount)
        rest &= rest &- 1
      }
    }
  }

  /// The set of one unit.
  init(unit: Int) {
    self.init()
    insert(unit)
  }

  /// A digest that owners and master compare; it changes by `unitDigest` with each unit that comes or goes.
  var digest: UInt32 {
    var result: UInt32 = 0
    visit { result ^= unitDigest($0) }
    return result
  }
}

/// What one unit contributes to the digest of a set.
func unitDigest(_ unit: Int) -> UInt32 {
  var x = UInt32(truncatingIfNeeded: unit) &+ 0x9e37_79b9
  x = (x ^ x >> 16) &* 0x85eb_ca6b
  x = (x ^ x >> 13) &* 0xc2b2_ae35
  return x ^ x >> 16
}
