import CPacketPath
import PacketPath
import PacketPathCases
import Testing

/// The table of addresses: whatever is put into it, each is found, and nothing else.
struct RoleTests {
  private static let stranger: [UInt8] = [198, 51, 100, 99]

  private static func address(_ number: UInt32, isIPv6: Bool) -> [UInt8] {
    let four = (0..<4).map { UInt8(truncatingIfNeeded: number >> UInt32(24 - 8 * $0)) }
    return isIPv6 ? [0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0] + four : four
  }

  private static func records(_ addresses: [[UInt8]]) -> [skein_address] { addresses.compactMap { skein_address(octets: $0) } }

  private static func isCluster(_ octets: [UInt8], _ path: NativePacketPath) -> Bool {
    let packet =
      octets.count == 4
      ? Frames.ipv4(to: octets, protocol: 17, Frames.udp()) : Frames.ipv6(to: octets, protocol: 17, Frames.udp())
    return path.trace(Frames.ip(packet), now: 1000).outcome.counter == .taken
  }

  @Test(arguments: 0..<20 as Range<UInt64>)
  func asManyAsThereMayBeAreAllFound(seed: UInt64) {
    var generator = SeededGenerator(state: seed)
    let path = NativePacketPath()
    World().apply(to: path.tables)
    for _ in 0..<10 {
      let count = Int.random(in: 0...Int(skein_address_count), using: &generator)
      let isSix = Bool.random(using: &generator)
      // In a row, as addresses are given out, or anywhere.
      let first = UInt32.random(in: 0x0a00_0001...0xdf00_0000, using: &generator)
      let step = Bool.random(using: &generator) ? 1 : UInt32.random(in: 2...0x10_0000, using: &generator)
      let addresses = (0..<UInt32(count)).map { Self.address(first &+ $0 &* step, isIPv6: isSix && $0 % 2 == 0) }
      let own = (0..<UInt32(skein_own_address_count)).map { Self.address(0x0101_0101 &+ $0 &* 0x0101, isIPv6: $0 % 3 == 0) }
      path.tables.setAddresses(Self.records(addresses), of: skein_role_cluster)
      path.tables.setAddresses(Self.records(own), of: skein_role_own)
      #expect(path.tables.addresses(of: skein_role_cluster).count == Set(addresses).count, "seed \(seed)")
      #expect(path.tables.addresses(of: skein_role_own).count == own.count, "seed \(seed)")
      #expect(addresses.allSatisfy { Self.isCluster($0, path) }, "seed \(seed)")
      #expect(!own.contains { Self.isCluster($0, path) } && !Self.isCluster(Self.stranger, path), "seed \(seed)")
    }
  }

  @Test func anAddressMayHaveTwoRolesAndLoseOne() {
    let path = NativePacketPath()
    World().apply(to: path.tables)
    path.tables.setAddresses(Self.records([Self.stranger]), of: skein_role_cluster)
    path.tables.setAddresses(Self.records([Self.stranger]), of: skein_role_own)
    #expect(Self.isCluster(Self.stranger, path) && path.tables.addresses(of: skein_role_own).count == 1)
    path.tables.setAddresses([], of: skein_role_cluster)
    #expect(!Self.isCluster(Self.stranger, path) && path.tables.addresses(of: skein_role_own).count == 1)
  }

  /// A stranger's router advertisement may choose the upper half of an own address, and so what it is folded to.
  @Test func anOwnAddressThatNoKeyTellsFromTheClustersLeavesTheClustersAlone() throws {
    let path = NativePacketPath()
    World().apply(to: path.tables)
    let cluster = try #require(skein_address(octets: Frames.cluster6))
    func half(_ words: (UInt32, UInt32)) -> UInt64 { UInt64(words.0) | UInt64(words.1) << 32 }
    let factor: UInt64 = 0x9e37_79b9_7f4a_7c15
    let high = half((cluster.words.0, cluster.words.1)) &+ 1 << 40
    let low = half((cluster.words.2, cluster.words.3)) ^ half((cluster.words.0, cluster.words.1)) &* factor ^ high &* factor
    let own = [high, low].flatMap { half in (0..<8).map { UInt8(truncatingIfNeeded: half >> UInt64(8 * $0)) } }
    path.tables.setAddresses(Self.records([own, Frames.own4]), of: skein_role_own)
    #expect(Self.isCluster(Frames.cluster6, path) && !Self.isCluster(own, path))
    #expect(path.tables.addresses(of: skein_role_own).count == 1)
  }

  /// No address at all is not one of the cluster's, though a table without any holds nothing else.
  @Test func theUnspecifiedAddressIsNobodys() {
    let path = NativePacketPath()
    World().apply(to: path.tables)
    path.tables.setAddresses([], of: skein_role_cluster)
    #expect(!Self.isCluster([0, 0, 0, 0], path) && !Self.isCluster([UInt8](repeating: 0, count: 16), path))
  }
}
