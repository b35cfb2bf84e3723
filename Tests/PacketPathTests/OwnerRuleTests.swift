import CPacketPath
import KernelProgram
import PacketPath
import PacketPathCases
import Testing

/// A flow's unit is its client's unit, in both directions (specification 3a, §2.1): whoever has the client's packets has the server's answers.
@Suite struct OwnerRuleTests {
  /// A way that packets of a flow can look.
  enum Row: CaseIterable {
    case ipv4, ipv6, sourceOnly, answerWithOptions, serverError, serverError6

    var isIPv6: Bool { self == .ipv6 || self == .serverError6 }
    var world: World { World(sourceOnly: self == .sourceOnly ? [(6, 80)] : [], services: .there) }

    /// The client's packet, and what comes back.
    func frames(_ client: [UInt8], _ port: UInt16) -> (request: [UInt8], answer: [UInt8]) {
      let request =
        isIPv6
        ? Frames.ipv6(from: client, protocol: 6, Frames.tcp(from: port)) : Frames.ipv4(from: client, protocol: 6, Frames.tcp(from: port))
      let segment = Frames.tcp(from: 8080, to: port, flags: 16)
      let answer =
        switch self {
        case .ipv4, .sourceOnly: Frames.ipv4(from: Frames.server4, to: client, protocol: 6, segment)
        case .ipv6: Frames.ipv6(from: Frames.server6, to: client, protocol: 6, segment)
        case .answerWithOptions: Frames.ipv4(from: Frames.server4, to: client, protocol: 6, options: [1, 1, 1, 0], segment)
        case .serverError:
          Frames.ipv4(
            from: Frames.server4, to: client, protocol: 1,
            Frames.icmp(
              type: 3, code: 4,
              [0, 0, 5, 20] + Frames.ipv4(from: client, to: Frames.server4, protocol: 6, Frames.tcp(from: port, to: 8080))))
        case .serverError6:
          Frames.ipv6(
            from: Frames.far6, to: client, protocol: 58,
            Frames.icmp(
              type: 2,
              [0, 0, 5, 20] + Frames.ipv6(from: client, to: Frames.server6, protocol: 6, Frames.tcp(from: port, to: 8080))))
        }
      return (Frames.ip(request), Frames.ip(from: Frames.serverMAC, answer))
    }

    /// Where a frame has its client's address and port: of the request, then of the answer.
    var places: [(address: Int, port: Int)] { isIPv6 ? [(22, 54), (38, 56)] : [(26, 34), (30, 36)] }
  }

  private static func client(_ isIPv6: Bool, _ generator: inout SeededGenerator) -> [UInt8] {
    var octets = (0..<(isIPv6 ? 16 : 4)).map { _ in UInt8.random(in: 0...255, using: &generator) }
    // An address that is routed to.
    octets[0] = isIPv6 ? 0x20 : UInt8.random(in: 11...126, using: &generator)
    return octets
  }

  private static func unit(_ path: NativePacketPath, _ frame: [UInt8]) -> UInt32 { path.trace(frame, now: 1).outcome.unit }

  /// A million flows whose packet and answer meet in one unit, in both families.
  @Test(arguments: [false, true]) func aMillionAnswersAreOfTheirClientsUnits(isIPv6: Bool) {
    let row: Row = isIPv6 ? .ipv6 : .ipv4
    let path = NativePacketPath(sizes: World.sizes(processors: 1))
    row.world.apply(to: path.tables)
    var generator = SeededGenerator(state: 11)
    let (request, answer) = row.frames(Self.client(isIPv6, &generator), 1)
    var met: Set<UInt32> = []
    var apart = 0
    for _ in 0..<500_000 {
      let address = Self.client(isIPv6, &generator)
      let port = generator.next()
      var units: [UInt32] = []
      for (frame, place) in zip([request, answer], row.places) {
        var frame = frame
        frame.replaceSubrange(place.address..<place.address + address.count, with: address)
        frame.replaceSubrange(place.port..<place.port + 2, with: [UInt8(truncatingIfNeeded: port), UInt8(truncatingIfNeeded: port >> 8)])
        units.append(frame.withUnsafeMutableBytes { path.process($0, now: 1).unit })
      }
      if units[0] != units[1] || units[0] >= UInt32(skein_unit_count) { apart += 1 }
      met.insert(units[0])
    }
    #expect(apart == 0)
    #expect(met.count == Int(skein_unit_count))
  }

  /// The rule, row by row: natively by the unit that is answered, in the kernel by which unit must be this machine's.
  @Test(arguments: Row.allCases) func anAnswerIsOfItsClientsUnit(row: Row) throws {
    let native = NativePacketPath(sizes: World.sizes(processors: 1))
    row.world.apply(to: native.tables)
    var generator = SeededGenerator(state: 12)
    let kernel = Rig.isAvailable ? KernelDoer(rig: try Rig()) : nil
    if let kernel {
      var world = row.world
      world.units = .acknowledged
      world.apply(to: kernel.tables)
    }
    for _ in 0..<500 {
      let frames = row.frames(Self.client(row.isIPv6, &generator), UInt16.random(in: 1...65535, using: &generator))
      let unit = Self.unit(native, frames.request)
      #expect(unit < UInt32(skein_unit_count) && Self.unit(native, frames.answer) == unit)
      guard let kernel else { continue }
      for frame in [frames.request, frames.answer] {
        #expect(try kernel.perform(frame).counted == [Int(PacketCounter.notMine.rawValue)])
        kernel.tables.setUnit(Int(unit), owner: 0, isAcknowledged: true, isMine: true)
        #expect(try kernel.perform(frame).counted != [Int(PacketCounter.notMine.rawValue)])
        kernel.tables.setUnit(Int(unit), owner: 1, isAcknowledged: true, isMine: false)
      }
    }
  }
}
