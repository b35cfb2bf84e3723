import Linux
import Testing
import Wire

extension Privileged {
  @Suite struct DatagramSocketTests {
    struct Received: Equatable {
      var bytes: [UInt8]
      var source: InternetAddress
      var destination: InternetAddress
      var hopLimit: UInt8
      var isTruncated = false
    }

    static let group = InternetAddress(ipv4: 0xef01_0101)
    static let group6 = InternetAddress(high: 0xff02_0000_0000_0000, low: 0x114)

    private func configuration(_ address: InternetAddress, group: InternetAddress?) -> DatagramSocket.Configuration {
      DatagramSocket.Configuration(interface: "eth0", localAddress: address, port: 7000, group: group, maximumDatagramByteCount: 100)
    }

    private func receive(_ socket: DatagramSocket) throws -> Received? {
      guard isReadable(socket.descriptor) else { return nil }
      var received: Received?
      try socket.receive(limit: 1) {
        received = Received(
          bytes: Array($0.bytes), source: $0.source.address, destination: $0.destination, hopLimit: $0.hopLimit, isTruncated: $0.isTruncated
        )
      }
      return received
    }

    @Test(arguments: [(leftAddress, rightAddress, group, UInt8(1)), (leftAddress6, rightAddress6, group6, UInt8(255))])
    func aGroupMessageArrivesWithSourceGroupAndHopLimit(
      from: InternetAddress, to: InternetAddress, group: InternetAddress, hopLimit: UInt8
    ) throws {
      let pair = try Pair()
      let sender = try pair.inLeft { try DatagramSocket(configuration(from, group: group)) }
      let receiver = try pair.inRight { try DatagramSocket(configuration(to, group: group)) }
      try sender.send([1, 2, 3], to: Endpoint(group, port: 7000))
      #expect(try receive(receiver) == Received(bytes: [1, 2, 3], source: from, destination: group, hopLimit: hopLimit))
      // Not looped back to the sender.
      #expect(try sender.receive { _ in Issue.record("heard itself") } == 0)
    }

    @Test(arguments: [(leftAddress, rightAddress, nil), (leftAddress, rightAddress, group), (leftAddress6, rightAddress6, group6)])
    func aMemberIsReachedByItsOwnAddress(from: InternetAddress, to: InternetAddress, group: InternetAddress?) throws {
      let pair = try Pair()
      let sender = try pair.inLeft { try DatagramSocket(configuration(from, group: group)) }
      let receiver = try pair.inRight { try DatagramSocket(configuration(to, group: group)) }
      try sender.send([9], to: Endpoint(to, port: 7000))
      #expect(try receive(receiver) == Received(bytes: [9], source: from, destination: to, hopLimit: from.ipv4 == nil ? 255 : 1))
    }

    @Test func aMessageToAnotherAddressOfTheMachineIsCountedNotHandedOver() throws {
      let pair = try Pair()
      try shell("ip -n \(pair.right) addr add 192.0.2.77/24 dev eth0")
      let sender = try pair.inLeft { try DatagramSocket(configuration(leftAddress, group: Self.group)) }
      let receiver = try pair.inRight { try DatagramSocket(configuration(rightAddress, group: Self.group)) }
      try sender.send([9], to: Endpoint(InternetAddress(ipv4: 0xc000_024d), port: 7000))
      #expect(try receive(receiver) == nil)
      #expect(receiver.misdirectedCount == 1)
    }

    @Test func aMessageLongerThanTheLimitIsMarked() throws {
      let pair = try Pair()
      let sender = try pair.inLeft { try DatagramSocket(configuration(leftAddress, group: nil)) }
      let receiver = try pair.inRight { try DatagramSocket(configuration(rightAddress, group: nil)) }
      try sender.send([UInt8](repeating: 7, count: 101), to: Endpoint(rightAddress, port: 7000))
      let received = try #require(try receive(receiver))
      #expect(received.isTruncated)
      #expect(received.bytes.count == 100)
    }

    @Test func whatTheKernelDroppedIsCounted() throws {
      let pair = try Pair()
      let sender = try pair.inLeft { try DatagramSocket(configuration(leftAddress, group: nil)) }
      var small = configuration(rightAddress, group: nil)
      small.receiveBufferByteCount = 2048
      let receiver = try pair.inRight { try DatagramSocket(small) }
      for _ in 0..<100 { try sender.send([1], to: Endpoint(rightAddress, port: 7000)) }
      while try receiver.receive({ _ in }) > 0 {}
      try sender.send([1], to: Endpoint(rightAddress, port: 7000))
      #expect(try receive(receiver) != nil)
      #expect(receiver.dropCount > 0)
    }

    @Test func aSecondDaemonOnTheSamePortIsRefused() throws {
      let pair = try Pair()
      let first = try pair.inLeft { try DatagramSocket(configuration(leftAddress, group: Self.group)) }
      let error = #expect(throws: LinuxError.self) {
        _ = try pair.inLeft { try DatagramSocket(configuration(leftAddress, group: Self.group)) }
      }
      #expect(error?.code == .addressInUse)
      _ = first
    }

    @Test func anAddressThatIsNotThisMachinesIsRefused() throws {
      let pair = try Pair()
      let error = #expect(throws: LinuxError.self) {
        _ = try pair.inLeft { try DatagramSocket(configuration(rightAddress, group: nil)) }
      }
      #expect(
        error?.description
          == "cannot bind the address of the UDP socket 192.0.2.2 port 7000 on eth0: Cannot assign requested address (EADDRNOTAVAIL)")
    }
  }
}
