import CPacketPath
import Glibc
import Linux
import Testing
import Wire

extension Privileged {
  @Suite(.enabled(if: TestProgram.compiler != nil, "needs a clang with the target bpfel beside swiftc"))
  struct KernelProgramTests {
    /// Removes the pins when the test ends.
    private struct Instance: ~Copyable {
      let name = uniqueName("test-")
      deinit { try? KernelProgram.removeAll(instance: name) }

      func load(_ object: [UInt8], program: String = "probe", counters: Int = 64) throws -> KernelProgram {
        try KernelProgram(
          object: object, KernelProgram.Configuration(instance: name, programName: program, maximumEntries: ["counters": counters]))
      }
    }

    /// EtherType 0x88b5 (experiments), eight octets of payload.
    private let frame: [UInt8] = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0xb5] + Array(10..<60)

    /// The first eight octets of a map.
    private func word(_ name: String, octets: Int = 8, in program: KernelProgram) throws -> UInt64 {
      let map = try program.memory(of: name, octets: octets)
      return withExtendedLifetime(map) { map.start.load(as: UInt64.self) }
    }

    private func setLease(_ deadline: UInt64, in program: KernelProgram) throws {
      let map = try program.memory(of: "lease", octets: MemoryLayout<skein_lease>.size)
      withExtendedLifetime(map) { map.start.storeBytes(of: deadline, as: UInt64.self) }
    }

    private func lease(in program: KernelProgram) throws -> UInt64 {
      try word("lease", octets: MemoryLayout<skein_lease>.size, in: program)
    }

    @Test func aTestRunTellsVerdictAndFrame() throws {
      let instance = Instance()
      let program = try instance.load(try TestProgram.compile(verdict: 3, mark: 0xee))
      let result = try frame.withUnsafeBytes { try program.testRun($0, repeat: 5) }
      #expect(result.verdict == 3)
      #expect(result.frame.count == frame.count)
      #expect(result.frame[14] == 0xee && Array(result.frame[15...]) == Array(frame[15...]))
      #expect(try word("counters", octets: 64 * 8, in: program) == 5)
    }

    @Test func whatIsPublishedIsSeenByTheProgram() throws {
      let instance = Instance()
      let program = try instance.load(try TestProgram.compile())
      try setLease(0x1122_3344_5566_7788, in: program)
      _ = try frame.withUnsafeBytes { try program.testRun($0) }
      #expect(try word("seen", in: program) == 0x1122_3344_5566_7788)
      #expect(try lease(in: program) == 0x1122_3344_5566_7788)
    }

    @Test func whatThePlanDoesNotKnowIsAnError() throws {
      let instance = Instance()
      let program = try instance.load(try TestProgram.compile())
      #expect(#expect(throws: LinuxError.self) { _ = try program.memory(of: "nothing", octets: 8) }?.code == .noSuchEntry)
      #expect(#expect(throws: LinuxError.self) { _ = try program.memory(of: "lease", octets: 8) }?.code == .invalid)
      #expect(#expect(throws: LinuxError.self) { _ = try Instance().load([1, 2, 3]) }?.operation == "read the kernel program")
      #expect(
        #expect(throws: LinuxError.self) { _ = try KernelProgram(object: [], .init(instance: "a.b", programName: "")) }?.code == .invalid)
    }

    @Test func theVerifiersReasonIsInTheError() throws {
      let instance = Instance()
      let error = #expect(throws: LinuxError.self) { _ = try instance.load(try TestProgram.compile(), program: "broken") }
      #expect(error?.operation == "load the kernel program")
      #expect(error?.detail?.contains("invalid access to packet") == true)
      #expect(error?.detail?.contains("PROG LOAD LOG") == false)
      #expect((1...12).contains(error?.detail?.split(separator: "\n").count ?? 0))
    }

    @Test func whetherAProgramWouldRunIsToldWithoutPinningIt() throws {
      let facts = try #require(
        try KernelProgram.verify(object: try TestProgram.compile(), .init(instance: "", programName: "probe")).first)
      #expect(facts.program == "probe" && facts.instructions > 0 && facts.verifiedInstructions.map { $0 > 0 } ?? true)
      let error = #expect(throws: LinuxError.self) {
        _ = try KernelProgram.verify(object: try TestProgram.compile(), .init(instance: "", programName: "broken"))
      }
      #expect(error?.detail?.contains("invalid access to packet") == true)
    }

    @Test func recordsComeUpInOrder() throws {
      let instance = Instance()
      let program = try instance.load(try TestProgram.compile())
      let ring = try program.ring()
      #expect(!isReadable(ring.descriptor, limitMilliseconds: 0))
      for number in 0..<5 {
        var frame = frame
        frame[15] = UInt8(number)
        _ = try frame.withUnsafeBytes { try program.testRun($0) }
      }
      #expect(isReadable(ring.descriptor, limitMilliseconds: 0))
      var received: [UInt8] = []
      #expect(try ring.consume(limit: 2) { received.append($0[1]) } == 2)
      #expect(try ring.consume { received.append($0[1]) } == 3)
      #expect(try ring.consume { _ in Issue.record("too many") } == 0)
      #expect(received == [0, 1, 2, 3, 4])
    }

    @Test(arguments: [XDPMode.automatic, .native, .generic]) func framesOnTheWireMeetTheProgram(mode: XDPMode) throws {
      let pair = try Pair()
      let instance = Instance()
      let program = try pair.inRight { try instance.load(try TestProgram.compile(verdict: 1)) }
      let attachment = try pair.inRight { try program.attach(to: "eth0", mode: mode) }
      #expect(attachment == (mode == .generic ? .generic : .native))
      let before = try word("counters", octets: 64 * 8, in: program)
      try pair.inLeft { try sender().send(frame) }
      let ring = try program.ring()
      #expect(isReadable(ring.descriptor))
      #expect(try word("counters", octets: 64 * 8, in: program) > before)
      try pair.inRight { try program.detach(from: "eth0") }
      #expect(try !shell("ip -n \(pair.right) link show dev eth0").contains("xdp"))
    }

    @Test func withoutADriverForItAutomaticIsGeneric() throws {
      let pair = try Pair()
      let instance = Instance()
      let program = try instance.load(try TestProgram.compile())
      try pair.inRight { () throws in
        #expect(try program.attach(to: "lo") == .generic)
        #expect(program.nativeRefusal?.operation == "attach XDP to lo")
        let error = #expect(throws: LinuxError.self) {
          try program.detach(from: "lo")
          try program.attach(to: "lo", mode: .native)
        }
        #expect(error?.description.hasSuffix("try packetPath: xdp-generic") == true)
      }
    }

    @Test func anInterfaceThatIsTakenIsNotTakenOver() throws {
      let pair = try Pair()
      let first = Instance()
      let second = Instance()
      try pair.inRight { () throws in
        let owner = try first.load(try TestProgram.compile())
        try owner.attach(to: "eth0")
        let other = try second.load(try TestProgram.compile())
        let error = #expect(throws: LinuxError.self) { try other.attach(to: "eth0") }
        #expect(error?.code == .busy)
        #expect(error?.advice?.contains("another XDP program") == true)
      }
    }

    @Test func packetsGoOnWhileTheDaemonRestartsAndItsMapsKeepTheirContents() throws {
      let pair = try Pair()
      let instance = Instance()
      try pair.inRight { () throws in
        var program: KernelProgram? = try instance.load(try TestProgram.compile(mark: 1))
        #expect(program?.mapsWereReused == false)
        try program?.attach(to: "eth0")
        try setLease(77, in: #require(program))
        let before = try attachedProgram(pair)
        program = nil
        #expect(try attachedProgram(pair) == before)
        let transmitter = try pair.inLeft { try sender() }
        try transmitter.send(frame)
        let next = try instance.load(try TestProgram.compile(mark: 2))
        #expect(next.mapsWereReused)
        #expect(try lease(in: next) == 77)
        #expect(try word("seen", in: next) == 77)
        #expect(try next.attach(to: "eth0") == .native)
        // The verifier takes its time; the older build's program goes on meanwhile.
        #expect(try attachedProgram(pair) == before)
        try #require(next.replacement).run()
        let after = try attachedProgram(pair)
        #expect(after != before && !after.isEmpty)
        _ = program
      }
    }

    @Test func anotherLayoutBeginsWithEmptyMaps() throws {
      let instance = Instance()
      do {
        let program = try instance.load(try TestProgram.compile())
        try setLease(77, in: program)
      }
      do {
        let program = try instance.load(try TestProgram.compile(), counters: 128)
        #expect(!program.mapsWereReused)
        #expect(try lease(in: program) == 0)
      }
      #expect(try instance.load(try TestProgram.compile(), counters: 128).mapsWereReused)
    }

    @Test func aModeThatIsNoLongerWantedIsLeft() throws {
      let pair = try Pair()
      let instance = Instance()
      try pair.inRight { () throws in
        do { try instance.load(try TestProgram.compile()).attach(to: "eth0", mode: .generic) }
        #expect(try instance.load(try TestProgram.compile()).attach(to: "eth0", mode: .automatic) == .generic)
        #expect(try instance.load(try TestProgram.compile()).attach(to: "eth0", mode: .native) == .native)
      }
    }

    @Test func aLinkOfAnInterfaceThatIsGoneIsForgotten() throws {
      let instance = Instance()
      do {
        let pair = try Pair()
        try pair.inRight { _ = try instance.load(try TestProgram.compile()).attach(to: "eth0") }
      }
      let pair = try Pair()
      try pair.inRight { () throws in #expect(try instance.load(try TestProgram.compile()).attach(to: "eth0") == .native) }
    }

    @Test func aSecondDaemonOfTheInstanceIsRefused() throws {
      let instance = Instance()
      let object = try TestProgram.compile()
      let first = try instance.load(object)
      let error = #expect(throws: LinuxError.self) { _ = try instance.load(object) }
      #expect(error?.code == .wouldBlock)
      #expect(error?.advice?.contains("another skein of this instance is running") == true)
      _ = first
    }

    @Test func removingAnInstanceTakesItsProgramOff() throws {
      let pair = try Pair()
      let instance = Instance()
      try pair.inRight { _ = try instance.load(try TestProgram.compile()).attach(to: "eth0") }
      #expect(try !attachedProgram(pair).isEmpty)
      try KernelProgram.removeAll(instance: instance.name)
      #expect(try attachedProgram(pair).isEmpty)
      #expect(access("/sys/fs/bpf/skein/\(instance.name)", F_OK) == -1)
      try KernelProgram.removeAll(instance: instance.name)
    }

    @Test(arguments: [true, false]) func aHeldFrameReachesTheStackAsIfItHadJustArrived(throughTheProgram: Bool) throws {
      let pair = try Pair()
      let instance = Instance()
      try pair.inRight { () throws in
        let program = try instance.load(try TestProgram.compile(verdict: throughTheProgram ? 2 : 1))
        try program.attach(to: "eth0")
        let eth0 = try RouteSocket().interface(named: "eth0")
        let socket = try DatagramSocket(.init(interface: "eth0", localAddress: rightAddress, port: 7000))
        let held = udpFrame(to: eth0.ethernetAddress, from: leftAddress, 7001, to: rightAddress, 7000, [4, 5, 6])
        if throughTheProgram {
          try held.withUnsafeBytes { try program.inject($0, interface: eth0.index) }
        } else {
          try FrameInjector().inject(held, interface: eth0.index)
        }
        #expect(isReadable(socket.descriptor))
        var received: [UInt8] = []
        try socket.receive { received = Array($0.bytes) }
        #expect(received == [4, 5, 6])
      }
    }

    private func sender() throws -> PacketSocket {
      try PacketSocket(interface: RouteSocket().interface(named: "eth0").index, receives: false)
    }

    /// What `ip` says of the program, or nothing when there is none.
    private func attachedProgram(_ pair: borrowing Pair) throws -> Substring {
      let shown = try shell("ip -n \(pair.right) -details link show dev eth0")
      guard let range = shown.firstRange(of: "prog/xdp id ") else { return "" }
      return shown[range.upperBound...].prefix { $0.isNumber }
    }
  }
}
