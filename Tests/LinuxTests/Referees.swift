import CLinux
import Glibc
import Testing
import Wire

// Programs of others that read what we write. A test that needs one says so when it is skipped.

/// Whether a program is installed.
func isInstalled(_ program: String) -> Bool { (try? shell("command -v \(program)")) != nil }

/// A directory of its own, gone with all that is in it when this is.
struct ScratchDirectory: ~Copyable {
  let path = "/tmp/\(uniqueName("skein-referee"))"
  init() throws { try shell("mkdir \(path)") }
  deinit { _ = try? shell("rm -r \(path)") }

  func write(_ octets: [UInt8], to name: String) throws {
    let file = try #require(fopen("\(path)/\(name)", "w"))
    defer { fclose(file) }
    #expect(fwrite(octets, 1, octets.count, file) == octets.count)
  }
}

/// The octets of a capture file with these Ethernet frames (the format of libpcap, 2.4), a second apart.
func capture(of frames: [[UInt8]]) -> [UInt8] {
  func words(_ numbers: Int...) -> [UInt8] {
    numbers.flatMap { number in stride(from: 24, through: 0, by: -8).map { UInt8(number >> $0 & 0xff) } }
  }
  let header = words(0xa1b2_c3d4, 0x0002_0004, 0, 0, 0xffff, 1)
  return header + frames.enumerated().flatMap { words($0.offset, 0, $0.element.count, $0.element.count) + $0.element }
}

@Suite(.enabled(if: isInstalled("tshark"), "needs tshark: apt-get install tshark")) struct TsharkTests {
  static let owner = EthernetAddress(bits: 0x5254_0000_0003)
  static let gateway = InternetAddress(ipv4: 0x0a01_0103)
  static let gateway6 = InternetAddress(high: 0xfe80_0000_0000_0000, low: 3)
  static let hello = GlbpHello(
    state: .active, priority: 110, helloMilliseconds: 200, holdMilliseconds: 650, redirectSeconds: 600, timeoutSeconds: 14_400,
    virtualAddress: InternetAddress(ipv4: 0x0a01_01fe))

  static func packet(_ tlvs: [GlbpTlv]) -> GlbpPacket { GlbpPacket(group: 1020, owner: owner, tlvs: tlvs) }
  static func forwarder(_ number: UInt8) -> GlbpTlv {
    .forwarder(
      GlbpForwarder(
        number: number, state: .active, priority: GlbpForwarder.ownerPriority, weight: 90,
        virtualEthernet: .virtual(group: 1020, forwarder: number)))
  }

  /// All that we say in one packet, whatever its family.
  static func everything(_ hello: GlbpHello) -> GlbpPacket {
    let member = GlbpMember(address: gateway, wantedForwarderCount: 5, share: 100)
    let traffic = GlbpTraffic.tlvs((1...255).map { .init(forwarder: $0, packetsPerSecond: 10_000, octetsPerSecond: 10_000_000) })
    let table = GlbpTable.tlvs(
      version: 7, gateways: [gateway, gateway6], entries: [.init(forwarder: 1, home: gateway, holder: gateway6, serial: 3)])
    let authentication = GlbpTlv.authentication(GlbpAuthentication(method: .text, secret: Array("cisco".utf8)))
    return packet(
      [.hello(hello), forwarder(1), forwarder(2), authentication, .member(member), traffic[0], traffic[1]] + table
        + [.seal(GlbpSeal(incarnation: 1, sequence: 2))])
  }

  static let frames: [[UInt8]] = {
    var hello6 = hello
    hello6.virtualAddress = InternetAddress(high: 0xfe80_0000_0000_0000, low: 1)
    return [
      GlbpTransport.frame(carrying: everything(hello).encode(), from: gateway, source: .virtual(group: 1020, forwarder: 1)),
      GlbpTransport.frame(carrying: everything(hello6).encode(), from: gateway6, source: .virtual(group: 1020, forwarder: 2)),
    ]
  }()

  /// What tshark prints, its own remarks left out.
  static func tshark(_ frames: [[UInt8]], _ options: String) throws -> [String] {
    let directory = try ScratchDirectory()
    try directory.write(capture(of: frames), to: "frames.pcap")
    let checksums = "-o ip.check_checksum:TRUE -o udp.check_checksum:TRUE"
    return try shell("tshark -n -r \(directory.path)/frames.pcap \(checksums) \(options) 2>/dev/null")
      .split(separator: "\n", omittingEmptySubsequences: false).map(String.init).dropLast()
  }

  @Test func nothingIsOddAboutWhatWeSend() throws {
    #expect(try Self.tshark(Self.frames, "-Y '_ws.expert or _ws.malformed'") == [])
    #expect(try Self.tshark(Self.frames, "-Y 'glbp and (ip.checksum.status == 1 or ipv6) and udp.checksum.status == 1'").count == 2)
  }

  @Test func fieldsAreWhatWeMeant() throws {
    let names = [
      "eth.src", "eth.dst", "ip.ttl", "ipv6.hlim", "glbp.group", "glbp.ownerid", "glbp.type", "glbp.hello.vgstate", "glbp.hello.priority",
      "glbp.hello.helloint", "glbp.hello.holdint", "glbp.hello.redirect", "glbp.hello.timeout", "glbp.hello.virtualipv4",
      "glbp.hello.virtualipv6", "glbp.reqresp.forwarder", "glbp.reqresp.vfstate", "glbp.reqresp.priority", "glbp.reqresp.weight",
      "glbp.reqresp.virtualmac", "glbp.auth.plainpass",
    ]
    let lines = try Self.tshark(Self.frames, "-T fields -E separator=';' " + names.map { "-e \($0)" }.joined(separator: " "))
    let types = "1,2,2,3,241,242,242,243,240"
    let rest = "1,2;32,32;167,167;90,90;00:07:b4:03:fc:01,00:07:b4:03:fc:02;cisco"
    #expect(
      lines == [
        "00:07:b4:03:fc:01;01:00:5e:00:00:66;255;;1020;52:54:00:00:00:03;\(types);32;110;200;650;600;14400;10.1.1.254;;\(rest)",
        "00:07:b4:03:fc:02;33:33:00:00:00:66;;255;1020;52:54:00:00:00:03;\(types);32;110;200;650;600;14400;;fe80::1;\(rest)",
      ])
  }

  @Test func typesOfOursAreShownAsUnknownOnes() throws {
    let text = try Self.tshark(Self.frames, "-V -O glbp")
    for type in GlbpTlvType.allCases where type.isOurs {
      #expect(text.filter { $0.contains("Type: Unknown (\(type.rawValue))") }.count >= 2, "\(type)")
    }
  }

  @Test func answersToHostsAreSound() throws {
    let host = EthernetAddress(bits: 0x5254_0000_0099)
    let virtual = EthernetAddress.virtual(group: 1020, forwarder: 5)
    let queries = [
      AddressQuery(asked: Self.hello.virtualAddress, asker: InternetAddress(ipv4: 0x0a01_0163), askerEthernet: host),
      AddressQuery(
        asked: InternetAddress(high: 0xfe80_0000_0000_0000, low: 1), asker: InternetAddress(high: 0xfe80_0000_0000_0000, low: 0x99),
        askerEthernet: host),
    ]
    let frames = queries.map { $0.answer(at: virtual, from: Self.owner, isRouter: true) }
    #expect(try Self.tshark(frames, "-Y '_ws.expert or _ws.malformed'") == [])
    let fields = "-T fields -E separator=';' -e eth.src -e arp.src.hw_mac -e arp.opcode -e icmpv6.opt.linkaddr -e icmpv6.checksum.status"
    #expect(try Self.tshark(frames, fields) == ["52:54:00:00:00:03;00:07:b4:03:fc:05;2;;", "52:54:00:00:00:03;;;00:07:b4:03:fc:05;1"])
  }

  @Test func exportIsSound() throws {
    let source = (Self.gateway, Self.owner)
    let collector = (InternetAddress(ipv4: 0x0a01_0101), EthernetAddress(bits: 0x5254_0000_0001))
    let frames = CollectorTests.messages(at: 1_700_000_000).map {
      UdpHeader(sourcePort: 40_000, destinationPort: IpfixDatagram.port).frame(carrying: $0, from: source, to: collector)
    }
    #expect(try Self.tshark(frames, "-Y '_ws.expert.severity >= 0x00400000 or _ws.malformed'") == [])
    let text = try Self.tshark(frames, "-V -O cflow").map { $0.drop { $0 == " " } }
    #expect(text.contains { $0.hasPrefix("Octets: 1000") } && text.contains { $0.hasPrefix("Packets: 20") })
    #expect(text.contains { $0.hasPrefix("Destination Mac Address: 00:07:b4:00:01:01") })
  }
}

@Suite(.enabled(if: isInstalled("nfcapd") && isInstalled("nfdump"), "needs nfdump: apt-get install nfdump")) struct CollectorTests {
  static let gateway = InternetAddress(ipv4: 0x0a01_0103)

  /// Two forwarders' traffic, and who carries them now.
  static func messages(at time: UInt32) -> [[UInt8]] {
    var exporter = IpfixExporter(observationDomain: 1)
    let end = UInt64(time) * 1000
    let traffic = (1...2).map { number in
      ForwarderTrafficRecord(
        virtualEthernet: .virtual(group: 1, forwarder: UInt8(number)), octets: UInt64(1000 * number), packets: UInt64(10 * number),
        startMilliseconds: end - 10_000, endMilliseconds: end)
    }
    let events = [gateway, InternetAddress(high: 0xfe80_0000_0000_0000, low: 3)].map {
      ForwarderEventRecord(milliseconds: end, virtualEthernet: .virtual(group: 1, forwarder: 1), gateway: $0, event: "forwarding")
    }
    return exporter.messages(traffic, at: time) + exporter.messages(events, at: time)
  }

  /// A UDP port of the loopback that nobody has.
  static func freePort() throws -> UInt16 {
    let descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
    defer { close(descriptor) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    return try withUnsafeMutablePointer(to: &address) { pointer in
      try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        try #require(bind(descriptor, address, length) == 0 && getsockname(descriptor, address, &length) == 0)
      }
      return UInt16(bigEndian: pointer.pointee.sin_port)
    }
  }

  @Test func collectorShowsTheTotalsThatWereExported() throws {
    let directory = try ScratchDirectory()
    let port = try Self.freePort()
    let messages = Self.messages(at: UInt32(time(nil)))
    for (number, message) in messages.enumerated() { try directory.write(message, to: "message\(number)") }
    let numbers = messages.indices.map(String.init).joined(separator: " ")
    // The collector runs until it has the messages: it is asked to stop when the kernel's queue of its socket is empty again.
    try shell(
      """
      cd \(directory.path); mkdir flows
      nfcapd -w flows -p \(port) -b 127.0.0.1 -t 3600 >log 2>&1 & collector=$!
      bound() { grep -qi " 0100007F:$(printf %04X \(port)) " /proc/net/udp; }
      for i in $(seq 500); do bound && break; sleep 0.02; done
      for n in \(numbers); do bash -c "cat message$n >/dev/udp/127.0.0.1/\(port)"; done
      for i in $(seq 500); do grep -i " 0100007F:$(printf %04X \(port)) " /proc/net/udp | grep -q ' 00000000:00000000 ' && break; sleep 0.02; done
      kill $collector; wait $collector
      """)
    let log = try shell("cat \(directory.path)/log")
    #expect(log.contains("Flows: 2, Packets: 30, Bytes: 3000, Sequence Errors: 0, Bad Packets: 0"), "\(log)")
    let summary = try shell("nfdump -R \(directory.path)/flows -I")
    #expect(summary.contains("Packets: 30\n") && summary.contains("Bytes: 3000\n"), "\(summary)")
    let flows = try shell("nfdump -R \(directory.path)/flows -q -o 'fmt:%idmc %pkt %byt'").split(separator: "\n")
      .map { $0.split(separator: " ").joined(separator: " ") }
    #expect(flows.contains("00:07:b4:00:01:01 10 1000") && flows.contains("00:07:b4:00:01:02 20 2000"), "\(flows)")
  }
}
