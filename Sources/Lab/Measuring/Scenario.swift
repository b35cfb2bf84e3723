import Foundation

/// How a machine fails; each appliance has ways of its own.
protocol FailureKind: RawRepresentable<String>, CaseIterable, Codable, Equatable, Sendable {
  /// For people: what happens to the machine.
  var sentence: String { get }
  /// What becomes of its wires; nil for nothing.
  var cut: Cut? { get }
  /// What is sent to its daemons; nil for nothing.
  var signal: Int32? { get }
  /// Whether it is not the failure that is measured, but the return from it.
  var isReturn: Bool { get }
}

extension FailureKind {
  var isReturn: Bool { false }
  /// Whether daemons have to be started again afterwards.
  var endsDaemon: Bool { signal == SIGKILL }
}

/// Machines that answer as one, whatever makes them: what a failover is measured on. Each appliance is one, and so is each rival.
protocol Scenario: AnyObject {
  associatedtype Failure: FailureKind
  associatedtype Victim: RawRepresentable<String>
  var bed: TestBed { get }
  var machines: [Int] { get }
  /// Those that are hit.
  func victims(_ wish: Victim) throws -> [Int]
  /// What runs on a machine, and fails with it.
  func processes(of machine: Int) throws -> [ChildProcess]
  func startProcesses(of machine: Int) throws
  /// Takes away what a machine that starts anew would not have; its daemons are gone.
  func forgetKernelState(of machine: Int, after failure: Failure) throws
  /// Lets clients ask from now on.
  func askAround() throws -> FailoverTraffic
  /// After this a failed machine certainly answers no more: twice what its lease may last, or what the others wait for a silent one.
  var silenceCertainAfterMilliseconds: Int { get }
  /// Waits until these are whole without the others, and each has its part.
  func waitUntilReady(_ machines: [Int]) throws
  /// Whether they must be so before the failed ones return.
  var waitsForSurvivors: Bool { get }
  /// The books of what may take a packet, opened now; nil where none are kept.
  func lossBooks() -> LossBooks?
  /// How many of these hold the shared address at the moment, where one alone is meant to; nil where all of them do.
  func addressHolders(_ machines: [Int]) throws -> Int?
  /// Whether everybody's packets go by the one who is to fail, so that everybody must wait for the next.
  func everybodyWaits(for victim: Victim) -> Bool
  /// What the machine's packet path has counted so far, read without its daemon; nil where it has none that could be read so.
  func readPath(_ machine: Int) throws -> PathReading?
  /// How often the machine's lease has run out since it started; 0 where there are no leases.
  func leasesLapsed(_ machine: Int) throws -> Int
  /// One run, for people.
  func summary(_ run: FailoverRun, _ victims: [Int]) -> String
}

extension Scenario {
  var waitsForSurvivors: Bool { false }
  func lossBooks() -> LossBooks? { nil }
  func addressHolders(_ machines: [Int]) throws -> Int? { nil }
  func everybodyWaits(for victim: Victim) -> Bool { false }
  func readPath(_ machine: Int) throws -> PathReading? { nil }
  func leasesLapsed(_ machine: Int) throws -> Int { 0 }
  func forgetKernelState(of machine: Int, after failure: Failure) throws {}
}

/// Who asks while machines fail.
struct FailoverTraffic {
  var prober: Prober
  /// Asks who has the address, where clients find that out by ARP again and again.
  var asker: Prober?
}

extension Scenario {
  /// Lets a machine fail.
  func fail(_ machine: Int, by failure: Failure) throws {
    if let cut = failure.cut { try bed.setWires(of: machine, cut, whole: false) }
    if let signal = failure.signal { for process in try processes(of: machine) { process.signal(signal) } }
  }

  /// Repairs the machine and begins its way back.
  func heal(_ machine: Int, after failure: Failure) throws {
    if failure.endsDaemon {
      for process in try processes(of: machine) { process.end() }
      try forgetKernelState(of: machine, after: failure)
    }
    if let cut = failure.cut { try bed.setWires(of: machine, cut, whole: true) }
    if failure.endsDaemon { return try startProcesses(of: machine) }
    if failure.signal == SIGSTOP { for process in try processes(of: machine) { process.signal(SIGCONT) } }
  }

  /// Measures a failure so many times. All is whole before each, and afterwards.
  func measure(_ wish: Victim, by failure: Failure, runs: Int, _ title: String) throws -> [FailoverRun] {
    try waitUntilReady(machines)
    bed.console.say("\(runs) × \(title)")
    return try (0..<runs).map { _ in try measureFailover(wish, by: failure) }
  }

  /// Lets machines fail under probes, waits for the others to take over, repairs them, and waits until all is as before.
  /// - Parameter meanwhile: done once the others have taken over.
  func measureFailover(_ wish: Victim, by failure: Failure, meanwhile: () throws -> Void = {}) throws -> FailoverRun {
    let begunAt = BootClock.nanoseconds
    let victims = try victims(wish)
    let survivors = machines.filter { !victims.contains($0) }
    if failure.isReturn {
      for victim in victims { try fail(victim, by: failure) }
      try pause(milliseconds: silenceCertainAfterMilliseconds)
      try waitUntilReady(survivors)
    }
    let traffic = try askAround()
    try pause(milliseconds: 300)
    let lapsesBefore = try survivors.map(leasesLapsed)
    let books = lossBooks()
    books?.failed = Set(victims)

    let failedAt = BootClock.nanoseconds
    if !failure.isReturn { for victim in victims { try fail(victim, by: failure) } }
    let failedBy = BootClock.nanoseconds
    let leaseEnded = try failure.cut == nil ? readPathAfterLease(victims[0], withinSeconds: patienceSeconds) : nil
    if !failure.isReturn { try waitForRecovery(traffic.prober, survivors, failedAt) }
    let beforeRepair = try leaseEnded == nil ? nil : readPath(victims[0])
    let lapses = try zip(survivors.map(leasesLapsed), lapsesBefore).map { $0 - $1 }
    let holders = try addressHolders(failure.cut == nil ? machines : survivors)
    try meanwhile()
    books?.turnPage()
    books?.failed = []

    let healedAt = BootClock.nanoseconds
    for victim in victims { try heal(victim, after: failure) }
    try waitUntilReady(machines)
    try pause(milliseconds: 300)
    let end = BootClock.nanoseconds
    let answers = try traffic.asker?.finish()
    let ledger = try traffic.prober.finish()
    books?.turnPage()

    let bereft = failure.isReturn ? survivors : victims
    var run = try FailoverRun(ledger: ledger, victims: bereft, failedAt: failedAt, failedBy: failedBy, healedAt: healedAt)
    let counts = FailoverRun.countedLosses(
      ledger, victims: bereft, failedAt: failedAt, healedAt: healedAt, everybodyWaits: everybodyWaits(for: wish))
    if let books { run.losses = books.explain(ledger, where: counts) }
    if failure.isReturn { run.silenceMilliseconds = run.silenceOnReturnMilliseconds }
    if let answers { run.answersSilenceMilliseconds = answers.longestSilence(in: failure.isReturn ? healedAt..<end : failedAt..<healedAt) }
    run.addressHolders = holders
    run.survivorsLapses = lapses.reduce(0, +)
    if let leaseEnded, let beforeRepair { run.afterLease = AfterLease(leaseEnded, beforeRepair) }
    run.seconds = BootClock.seconds(since: begunAt)
    bed.console.say(summary(run, victims))
    return run
  }

  /// How long a failed machine's clients may have to wait.
  private var patienceSeconds: Double { Double(silenceCertainAfterMilliseconds) / 200 + 5 }

  /// First the failed ones' flows must fall silent (a lease may still run), then be answered again, and go on being answered for a while.
  private func waitForRecovery(_ prober: Prober, _ survivors: [Int], _ failedAt: UInt64) throws {
    BootClock.sleep(until: failedAt + UInt64(silenceCertainAfterMilliseconds) * 1_000_000)
    let end = BootClock.nanoseconds + UInt64(patienceSeconds * 1e9)
    while BootClock.nanoseconds < end, !prober.allAnswered(withinMilliseconds: 50) { try pause(milliseconds: 10) }
    try pause(milliseconds: 500)
    if waitsForSurvivors { try waitUntilReady(survivors) }
  }

  /// The machine's packet path as soon as its lease has run out; nil where there is none to be read.
  /// - Throws: `LabError.observation` when the lease does not end: then somebody still renews it.
  func readPathAfterLease(_ machine: Int, withinSeconds seconds: Double) throws -> PathReading? {
    let end = BootClock.nanoseconds + UInt64(seconds * 1e9)
    while let reading = try readPath(machine) {
      if reading.leaseMilliseconds == 0 { return reading }
      guard BootClock.nanoseconds < end else {
        throw LabError.observation("member \(machine)'s lease still runs, \(reading.leaseMilliseconds) ms, although its daemon does not")
      }
      try pause(milliseconds: 5)
    }
    return nil
  }
}
