import CPacketPath
import KernelProgram
import PacketPath
import PacketPathCases
import Testing

/// The tables of packet in, verdict and packet out; natively, in the kernel, and both compared to the octet.
@Suite(.serialized) struct CaseTests {
  static let rig = Result { try Rig() }

  @Test(arguments: PacketPathCase.all)
  func native(_ test: PacketPathCase) throws {
    try check(test, NativeDoer())
  }

  @Test(.enabled(if: Rig.isAvailable, "needs root and a kernel with BPF"), arguments: PacketPathCase.all)
  func kernel(_ test: PacketPathCase) throws {
    try check(test, KernelDoer(rig: try Self.rig.get()))
  }

  @Test(.enabled(if: Rig.isAvailable, "needs root and a kernel with BPF"), arguments: PacketPathCase.all)
  func bothAgree(_ test: PacketPathCase) throws {
    let native = NativeDoer()
    let kernel = KernelDoer(rig: try Self.rig.get())
    test.world.apply(to: native.tables)
    test.world.apply(to: kernel.tables)
    let before = kernel.tables.taken
    for step in test.steps {
      #expect(try native.perform(step.frame) == kernel.perform(step.frame))
    }
    #expect(zip(kernel.tables.taken, before).map { $0 &- $1 } == native.tables.taken)
  }

  private func check(_ test: PacketPathCase, _ doer: some Doer) throws {
    test.world.apply(to: doer.tables)
    for step in test.steps {
      let deed = try doer.perform(step.frame)
      #expect(deed.verdict == step.counter.verdict)
      #expect(deed.counted.compactMap { PacketCounter(rawValue: UInt32($0)) } == [step.counter])
      #expect(deed.result == step.result)
      #expect((deed.upcall != nil) == (step.counter.verdict == .up))
    }
  }

  @Test func everyCounterIsReachedByACase() {
    // What remains needs a table that is missing, a full ring, the switch off, a packet socket, or the kernel's routes: all but the first have tests of
    // their own.
    let reached = Set(PacketPathCase.all.flatMap(\.steps).map(\.counter))
    let unreached = Set(PacketCounter.allCases).subtracting(reached)
    #expect(
      unreached == [
        .disabled, .ringFull, .tableMissing, .taggedFrame, .routedFast, .routeUnresolved, .routeTooBig, .routeRefused, .routeSwitchedOff,
      ])
  }

  @Test func counterNumbersAreDense() {
    #expect(PacketCounter.allCases.map(\.rawValue) == Array(0..<UInt32(PacketCounter.allCases.count)))
    #expect(Set(PacketCounter.allCases.map(\.meaning)).count == PacketCounter.allCases.count)
  }

  @Test func switchedOffEverythingPasses() throws {
    var doers: [any Doer] = [NativeDoer()]
    if Rig.isAvailable { doers.append(KernelDoer(rig: try Self.rig.get())) }
    for doer in doers {
      World().apply(to: doer.tables)
      doer.tables.setFlags(0)
      let frame = Frames.ip(Frames.ipv4(protocol: 6, Frames.tcp()))
      let deed = try doer.perform(frame)
      #expect(deed == Deed(verdict: .pass, result: frame, counted: [Int(PacketCounter.disabled.rawValue)]))
    }
  }

  @Test(.enabled(if: Rig.isAvailable, "needs root and a kernel with BPF"))
  func aFullRingIsCounted() throws {
    let rig = try Rig()
    World(flags: World.master(skein_flag_hold), units: .unassigned).apply(to: rig.tables)
    let frame = Frames.ip(Frames.ipv4(protocol: 6, Frames.tcp()))
    // A record's header, 16 octets of its own, and room for a small frame or a large one.
    let room = UInt64(skein_ring_size)
    for (frame, record) in [(frame, 8 + 16 + UInt64(skein_small_frame_limit)), (frame + Array(repeating: 0, count: 200), 8 + 16 + 2048)] {
      let (before, refusedBefore) = (rig.tables.total(of: .unassigned), rig.tables.total(of: .ringFull))
      #expect(try rig.run(frame).code == Verdict.drop.rawValue)
      _ = try rig.nanoseconds(program: KernelProgram.pathProgram, frame: frame, repetitions: 7999)
      let up = rig.tables.total(of: .unassigned) - before
      #expect(up > room / record * 9 / 10 && up <= room / record)
      #expect(rig.tables.total(of: .ringFull) - refusedBefore == 8000 - up)
      #expect(drain(rig) == up)
    }
  }

  @Test(.enabled(if: Rig.isAvailable, "needs root and a kernel with BPF"))
  func questionsToEverybodyLeaveHalfOfTheRing() throws {
    let rig = try Rig()
    World(flags: World.gateway(skein_flag_answers)).apply(to: rig.tables)
    let toEverybody = Frames.arp(targetAddress: Frames.virtual4)
    _ = try rig.nanoseconds(program: KernelProgram.pathProgram, frame: toEverybody, repetitions: 8000)
    let flooded = rig.tables.total(of: .question)
    #expect(rig.tables.total(of: .ringFull) == 8000 - flooded)
    #expect(flooded > 3000 && flooded < 4000)
    // Hosts that make sure of their gateway are still heard.
    let probe = Frames.arp(targetAddress: Frames.virtual4, to: Frames.virtualMAC(1))
    _ = try rig.nanoseconds(program: KernelProgram.pathProgram, frame: probe, repetitions: 1000)
    #expect(rig.tables.total(of: .question) == flooded + 1000)
    #expect(drain(rig) == flooded + 1000)
  }

  private func drain(_ rig: Rig) -> UInt64 {
    var drained: UInt64 = 0
    while rig.nextUpcall() != nil { drained += 1 }
    return drained
  }
}
