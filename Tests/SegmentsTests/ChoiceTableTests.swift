import Segments
import Testing
import Wire

@Suite struct ChoiceTableTests {
  private func servers(_ weights: [Int], from first: Int = 1) -> [RealServer] {
    weights.enumerated().map { RealServer(address: InternetAddress(ipv4: 0x0a00_0000 + UInt32(first + $0)), port: 80, weight: $1) }
  }

  @Test(arguments: [[1], [1, 1], [1, 2, 3], [100, 1], [5, 5, 5, 0, 5], [10_000, 9_999, 1, 3], [Int](repeating: 7, count: 200)])
  func sharesAreTheWeights(weights: [Int]) {
    let table = ChoiceTable(servers(weights))
    let sum = Double(weights.reduce(0, +))
    for (index, weight) in weights.enumerated() {
      // A slot or two is what rounding costs.
      #expect(abs(table.share(of: index) - Double(weight) / sum) <= 2.5 / Double(table.slots.count))
    }
  }

  @Test func withoutWeightThereIsNoChoice() {
    #expect(ChoiceTable([]).slots.isEmpty)
    #expect(ChoiceTable(servers([0, 0])).slots.isEmpty)
  }

  /// The order of the list is nobody's business but the list's.
  @Test func everyMachineMakesTheSame() {
    let list = servers([3, 1, 4, 1, 5, 9, 2, 6])
    let reversed = Array(list.reversed())
    let weightless = list + servers([0], from: 100)
    #expect(ChoiceTable(list) == ChoiceTable(weightless))
    #expect(ChoiceTable(list).slots.map { list[$0] } == ChoiceTable(reversed).slots.map { reversed[$0] })
  }

  /// What is disrupted when one of ten goes or comes: its tenth, and little beside.
  @Test func hardlyAnyOtherSlotChanges() {
    let ten = servers([Int](repeating: 1, count: 10))
    let before = ChoiceTable(ten)
    var others: [Double] = []
    for gone in 0..<10 {
      var nine = ten
      nine[gone].weight = 0
      let after = ChoiceTable(nine)
      let moved = zip(before.slots, after.slots).count { $0 != $1 && $0 != gone }
      others.append(Double(moved) / Double(before.slots.count))
      #expect(before.slots.count == after.slots.count)
    }
    let mean = others.reduce(0, +) / 10
    print("of ten servers one goes: \((mean * 1000).rounded() / 10) % of the slots change beside its own")
    #expect(mean < 0.05)
  }
}
