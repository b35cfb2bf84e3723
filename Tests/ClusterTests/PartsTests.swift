import Testing
import Wire

@testable import Cluster

@Suite("The small parts")
struct PartsTests {
  @Test func echoesMakeAQuorumForTheNewestThatEnoughHaveHeard() {
    var count = EchoCount()
    for sequence in 1...5 { count.begin(UInt64(sequence)) }
    let heard = [
      count.record(3, after: 0, quorum: 2), count.record(5, after: 0, quorum: 2), count.record(4, after: 3, quorum: 2),
      count.record(4, after: 4, quorum: 1), count.record(9, after: 0, quorum: 1),
    ]
    #expect(heard == [nil, 3, 4, nil, nil])
  }

  @Test func sequenceClockRemembersTheLastSixtyFour() {
    var clock = SequenceClock()
    for number in 1...100 { _ = clock.next(at: Instant(nanoseconds: UInt64(number))) }
    #expect(clock.sentAt(100) == Instant(nanoseconds: 100))
    #expect(clock.sentAt(37) == Instant(nanoseconds: 37))
    #expect(clock.sentAt(36) == nil)
    #expect(clock.sentAt(101) == nil)
    #expect(clock.sentAt(0) == nil)
  }

  @Test func rateLimitLetsABurstThroughAndThenOneInEachInterval() {
    var limit = RateLimit(burst: 3, interval: .milliseconds(10))
    let now = Instant(nanoseconds: 1_000_000_000)
    let atOnce = (0..<5).map { _ in limit.take(at: now) }
    #expect(atOnce == [true, true, true, false, false])
    let later = (0..<2).map { _ in limit.take(at: now + .milliseconds(10)) }
    #expect(later == [true, false])
    let muchLater = (0..<4).map { _ in limit.take(at: now + .seconds(1)) }
    #expect(muchLater == [true, true, true, false])
  }

  @Test func anOlderSerialChangesNothing() {
    var holdings = Holdings()
    let units = UnitSet([1, 2, 3])
    let first = holdings.take(serial: 5, units: units)
    #expect(first.new == units)
    let again = holdings.take(serial: 5, units: units)
    #expect(again.repeated == units)
    let older = holdings.take(serial: 4, units: units)
    #expect(older.new.isEmpty && older.repeated.isEmpty)
  }

  @Test func unitTableCountsWhatIsFreeRestingAndMoving() {
    var table = UnitTable()
    let (one, two) = (MemberIdentifier(rawValue: 1), MemberIdentifier(rawValue: 2))
    table.set(UnitSet(0..<10), .owned(one))
    table.set(UnitSet(0..<3), .releasing(one, target: two, serial: 1))
    table.set(UnitSet(10..<14), .resting(until: Instant(nanoseconds: 7)))
    #expect(table.freeCount == 1010 && table.restingCount == 4 && table.movingCount == 3)
    #expect(table.load(of: one) == 7 && table.load(of: two) == 3)
    #expect(table.held(by: one).count == 10)
    #expect(table.nextRested == Instant(nanoseconds: 7))
  }

  @Test func digestChangesByOneUnit() {
    let units = UnitSet([3, 700, 1023])
    #expect(units.digest ^ unitDigest(700) == UnitSet([3, 1023]).digest)
    #expect(UnitSet().digest == 0)
    #expect(Set((0..<1024).map(unitDigest)).count == 1024)
  }

  @Test func aListCountsOnlyWhenItIsWholeAndOfThisReign() {
    var known = KnownMembers()
    let reign = Reign(term: Term(rawValue: 3), incarnation: 9)
    known.begin(reign)
    func part(_ number: UInt8, version: UInt32, term: UInt64 = 3) -> MemberList {
      MemberList(
        term: Term(rawValue: term), version: version, part: number, partCount: 2,
        members: [.init(profile: Lan.profile(Int(number)), isDraining: false)])
    }
    let early = [known.take(part(0, version: 1)), known.take(part(1, version: 1, term: 2))]
    #expect(early.allSatisfy { $0 == nil })
    #expect(!known.isWhole(in: reign))
    let change = known.take(part(1, version: 1))
    #expect(change?.arrived.count == 2)
    #expect(known.isWhole(in: reign))
    let again = known.take(part(0, version: 1))
    #expect(again == nil)
  }

  @Test func challengesLiveForThreeTurns() {
    var shared = Shared(Lan.configuration(0))
    var generator = FixedGenerator()
    shared.dice.refill(from: &generator)
    shared.now = Instant(nanoseconds: 1)
    var challenges = Challenges(current: 77, at: shared.now)
    #expect(challenges.accepts(77) && !challenges.accepts(0) && !challenges.accepts(78))
    for turn in 1...3 {
      shared.now = shared.now + Challenges.life
      challenges.rotate(&shared)
      #expect(challenges.accepts(77) == (turn < 3))
    }
  }

  @Test func promiseBindsToOneMasterUntilItRunsOut() {
    var shared = Shared(Lan.configuration(0))
    let (one, two) = (MemberIdentifier(rawValue: 1), MemberIdentifier(rawValue: 2))
    shared.now = Instant(nanoseconds: 1_000_000_000)
    shared.promise(one, Term(rawValue: 4), from: shared.now)
    #expect(shared.mayPromise(one, Term(rawValue: 4)) && shared.mayPromise(one, Term(rawValue: 5)))
    #expect(!shared.mayPromise(two, Term(rawValue: 5)))
    shared.releasePromise(to: two)
    #expect(!shared.mayPromise(two, Term(rawValue: 5)))
    shared.now = shared.now + shared.timing.promise
    #expect(shared.mayPromise(two, Term(rawValue: 5)))
    shared.quietUntil = shared.now + .milliseconds(1)
    #expect(!shared.mayPromise(two, Term(rawValue: 5)))
  }
}
