import PacketPath
import PacketPathCases
import Testing

/// How evenly clients spread over the work units. The figure is chi-square over 1,024 units: 1,023 ± 45 when the units are drawn by dice.
@Suite struct SpreadTests {
  /// Six standard deviations on either side. Far above: a client can aim. Far below: not a hash, but a counter, and also to be aimed at.
  private static let bound = 1023.0 - 6 * 45.2...1023.0 + 6 * 45.2

  private func chiSquare(_ name: String, _ count: Int, seed: UInt64 = 7, _ frame: (Int) -> [UInt8]) -> Double {
    let path = NativePacketPath()
    World(seed: seed).apply(to: path.tables)
    var bins = [Double](repeating: 0, count: 1024)
    for index in 0..<count { bins[Int(path.trace(frame(index), now: 1000).outcome.unit)] += 1 }
    let expected = Double(count) / 1024
    let figure = bins.reduce(0) { $0 + ($1 - expected) * ($1 - expected) / expected }
    let most = bins.max() ?? 0
    print("spread: \(name): chi-square \(Int(figure.rounded())) of \(count) packets, fullest unit \(Int(most)), mean \(Int(expected))")
    return figure
  }

  private func v4(_ address: Int, _ port: Int) -> [UInt8] {
    let octets = [UInt8(address >> 24 & 255), UInt8(address >> 16 & 255), UInt8(address >> 8 & 255), UInt8(address & 255)]
    return Frames.ip(Frames.ipv4(from: octets, protocol: 6, Frames.tcp(from: UInt16(port & 0xffff))))
  }

  @Test(arguments: [7, 0, 0xdead_beef] as [UInt64])
  func sequentialPortsOfOneNATAddress(_ seed: UInt64) {
    // All ports of one address fall as one permutation does: evenly beyond dice is impossible to tell from dice here.
    let figure = chiSquare("sequential ports of one NAT address", 64_000, seed: seed) { v4(0xc633_6407, 1024 + $0) }
    #expect(Self.bound.contains(figure))
  }

  @Test func aFewSequentialPortsOfEachOfManyClients() {
    let figure = chiSquare("16 sequential ports of each of 4,096 clients", 65_536) { v4(0x0a00_0000 + $0 / 16, 49152 + $0 % 16) }
    #expect(Self.bound.contains(figure))
  }

  @Test func aNetworkOfClientsOnOnePort() {
    let figure = chiSquare("a /16 of clients on one port", 65_536) { v4(0x0a01_0000 + $0, 40000) }
    #expect(Self.bound.contains(figure))
  }

  @Test func clientsThatCollideUnderXOR() {
    // Source address XOR source port is one number for all of them: under the seed's formula, one unit.
    let figure = chiSquare("clients made to collide under plain XOR", 65_536) { v4(0x0a02_0000 + $0, 0x5a5a ^ $0) }
    #expect(Self.bound.contains(figure))
  }

  @Test func aNetworkOfIPv6Clients() {
    let figure = chiSquare("sequential hosts of an IPv6 /64", 65_536) { index in
      var source = Frames.client6
      source[14] = UInt8(index >> 8 & 255)
      source[15] = UInt8(index & 255)
      return Frames.ip(Frames.ipv6(from: source, protocol: 6, Frames.tcp()))
    }
    #expect(Self.bound.contains(figure))
  }

  @Test func hostsOfAnIPv6NetworkThatFoldAlike() {
    // The two words of the host part are XORed to one number: the specification's fold would see one client.
    let figure = chiSquare("hosts of an IPv6 /64 that collide under the XOR of words", 65_536) { index in
      var source = Frames.client6
      for shift in 0..<4 {
        let octet = UInt8(truncatingIfNeeded: (index &* 2_654_435_761) >> (8 * shift))
        source[8 + shift] = octet
        source[12 + shift] = octet ^ 0x5a
      }
      return Frames.ip(Frames.ipv6(from: source, protocol: 6, Frames.tcp()))
    }
    #expect(Self.bound.contains(figure))
  }

  @Test func echoesOfANetwork() {
    let figure = chiSquare("echoes of a /16", 65_536) { index in
      Frames.ip(Frames.ipv4(from: [10, 3, UInt8(index >> 8 & 255), UInt8(index & 255)], protocol: 1, Frames.icmp(type: 8)))
    }
    #expect(Self.bound.contains(figure))
  }
}
