import Wire

/// The values that the files under Fuzz/corpus/glbp spell, by file name.
enum GlbpExamples {
  static let gateway = address("10.1.1.3")
  static let gateway6 = address("fe80::4")

  static func packet(_ tlvs: GlbpTlv..., group: UInt16 = 1, owner: String = "52:54:00:00:00:03") -> GlbpPacket {
    GlbpPacket(group: group, owner: ethernet(owner), tlvs: tlvs)
  }

  static func forwarder(_ number: UInt8, _ state: GlbpState, priority: UInt8, weight: UInt8) -> GlbpTlv {
    .forwarder(
      GlbpForwarder(
        number: number, state: state, priority: priority, weight: weight, virtualEthernet: .virtual(group: 1, forwarder: number)))
  }

  static let hello = GlbpHello(
    state: .active, priority: 100, helloMilliseconds: 3000, holdMilliseconds: 10_000, redirectSeconds: 600, timeoutSeconds: 14_400,
    virtualAddress: address("10.1.1.254"))
  static let hello6 = GlbpHello(
    state: GlbpState(rawValue: 0x40), priority: 200, helloMilliseconds: 200, holdMilliseconds: 650, redirectSeconds: 600,
    timeoutSeconds: 14_400, virtualAddress: address("fe80::1"))
  static let member = GlbpMember(
    address: gateway, wantedForwarderCount: 5, share: 100, isDraining: true, isLeaving: true, incarnation: 0x0123_4567_89ab_cdef,
    sequence: 42, carried: ForwarderSet([1, 255]), arriving: ForwarderSet([64]))
  static let table = GlbpTable(
    version: 7, gatewayCount: 3, forwarderCount: 40,
    entries: [
      .init(forwarder: 1, home: gateway, holder: gateway6, isRedirectEnded: true, serial: 9),
      .init(forwarder: 255, home: gateway, holder: nil, isRedirectEnded: true, isRetired: true, serial: 0),
    ])
  static let traffic = GlbpTraffic(entries: [
    .init(forwarder: 1, packetsPerSecond: 10_000, octetsPerSecond: 10_000_000),
    .init(forwarder: 255, packetsPerSecond: .max, octetsPerSecond: .max),
  ])
  static let seal = GlbpSeal(incarnation: 0x0123_4567_89ab_cdef, sequence: 42, code: Array(0..<32))

  static let packets: [String: GlbpPacket] = [
    "hello-and-forwarder": packet(
      .hello(hello), forwarder(1, .active, priority: GlbpForwarder.ownerPriority, weight: 100), owner: "ca:04:2c:92:00:1c"),
    "hello-ipv6": packet(.hello(hello6), group: 1020),
    "authentication": packet(.authentication(GlbpAuthentication(method: .text, secret: Array("cisco".utf8)))),
    "member": packet(.member(member)),
    "traffic": packet(.traffic(traffic)),
    "table": packet(.table(table)),
    "sealed": packet(.seal(seal)),
    "unknown": packet(
      .unknown(type: 4, octets: []), .unknown(type: 0xf1, octets: [0x12, 0x34]), forwarder(2, .listen, priority: 39, weight: 0),
      .unknown(type: 0x7f, octets: [1, 2, 3]), .unknown(type: 0xf0, octets: [])),
  ]
}
