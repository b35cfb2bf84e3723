import Testing
import Wire

@testable import Credentials

@Suite struct ReplayWindowTests {
  /// What the window does, in the plainest way: every number seen, in a set.
  private struct Model {
    var seen: Set<UInt64> = []
    var newest: UInt64?
    func verdict(on sequence: UInt64) -> ReplayWindow.Verdict {
      guard let newest, sequence <= newest else { return .new }
      if newest - sequence >= 1024 { return .tooOld }
      return seen.contains(sequence) ? .seen : .new
    }
    mutating func record(_ sequence: UInt64) {
      seen.insert(sequence)
      newest = max(newest ?? 0, sequence)
    }
  }

  @Test(arguments: [UInt64(1), 2, 3, 4, 5, 6, 7, 8]) func windowAgreesWithASetOfNumbers(seed: UInt64) {
    var generator = SeededGenerator(state: seed)
    var window = ReplayWindow()
    var model = Model()
    var centre = seed.isMultiple(of: 2) ? 0 : UInt64.max - 1_000_000
    for _ in 0..<20_000 {
      centre += UInt64.random(in: 0...20, using: &generator) == 0 ? .random(in: 0...2000, using: &generator) : 1
      let behind = UInt64.random(in: 0...1300, using: &generator)
      let sequence = centre > behind ? centre - behind : centre
      let verdict = window.verdict(on: sequence)
      #expect(verdict == model.verdict(on: sequence))
      if verdict == .new {
        window.record(sequence)
        model.record(sequence)
      }
    }
  }

  @Test func newWindowHasSeenNothing() {
    var window = ReplayWindow()
    #expect(window.verdict(on: 0) == .new)
    window.record(0)
    #expect(window.verdict(on: 0) == .seen)
    #expect(window.verdict(on: 1) == .new)
  }

  private static let edges: [UInt64] = [0, 1, 62, 63, 64, 65, 1023, 1024, 5000, .max - 1]

  @Test(arguments: edges) func windowThatRefusesOlderNumbersKeepsWhatItKnowsOfLaterOnes(number: UInt64) {
    var window = ReplayWindow()
    window.record(number)
    let newest = number + min(500, .max - number)
    window.record(newest)
    window.refuse(upTo: number)
    for behind in 0...min(number, 2000) { #expect(window.verdict(on: number - behind) != .new) }
    if newest > number + 1 { #expect(window.verdict(on: number + 1) == .new) }
    #expect(window.verdict(on: newest) == .seen)
    window.refuse(upTo: newest)
    for behind in 0...min(newest, 2000) { #expect(window.verdict(on: newest - behind) != .new) }
  }

  @Test(arguments: edges) func windowBegunAfterANumberTakesOnlyLaterOnes(number: UInt64) {
    var window = ReplayWindow(seenUpTo: number)
    for behind in 0...min(number, 2000) { #expect(window.verdict(on: number - behind) != .new) }
    #expect(window.verdict(on: number + 1) == .new)
    window.record(number + 1)
    #expect(window.verdict(on: number) != .new)
    #expect(window.verdict(on: number + 1) == .seen)
  }

  @Test func lastNumberOfAllIsTakenOnce() {
    var window = ReplayWindow()
    window.record(.max)
    #expect(window.verdict(on: .max) == .seen)
    #expect(window.verdict(on: .max - 1023) == .new)
    #expect(window.verdict(on: .max - 1024) == .tooOld)
  }
}

@Suite struct TokenBucketTests {
  @Test func bucketGivesItsBurstThenItsRate() {
    var bucket = TokenBucket(perSecond: 100, burst: 10)
    #expect((0..<50).filter { _ in bucket.take(at: bootClock) }.count == 10)
    #expect((0..<50).filter { _ in bucket.take(at: bootClock + .milliseconds(50)) }.count == 5)
    #expect((0..<50).filter { _ in bucket.take(at: bootClock + .seconds(3600)) }.count == 10)
  }

  @Test func bucketGivesNothingForATimeThatWentBack() {
    var bucket = TokenBucket(perSecond: 100, burst: 1)
    #expect(bucket.take(at: bootClock) == true)
    #expect(bucket.take(at: bootClock - .seconds(10)) == false)
  }
}
