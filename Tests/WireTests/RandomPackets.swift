import Wire

/// Legal values of the virtual gateway's protocols, drawn at random; counts reach their limits often.
extension RandomMessages {
  mutating func glbpPacket() -> GlbpPacket {
    var packet = GlbpPacket(group: UInt16(count(1023)), owner: EthernetAddress(bits: number()), tlvs: [])
    if count(1) == 0 { packet.tlvs.append(.hello(glbpHello())) }
    if count(1) == 0 { packet.tlvs.append(.member(glbpMember())) }
    for _ in 0..<count(8) { packet.tlvs.append(glbpTlv()) }
    if count(3) == 0 {
      packet.tlvs.append(
        .authentication(
          GlbpAuthentication(method: .init(rawValue: number()), secret: octets(upTo: GlbpLimits.secretByteCount))))
    }
    if count(1) == 0 {
      packet.tlvs.append(.seal(GlbpSeal(incarnation: number(), sequence: number(), code: (0..<32).map { _ in number() })))
    }
    return packet
  }

  private mutating func glbpTlv() -> GlbpTlv {
    switch count(3) {
    case 0:
      .forwarder(
        GlbpForwarder(
          number: number(), state: GlbpState(rawValue: number()), priority: number(), weight: number(),
          virtualEthernet: EthernetAddress(bits: number())))
    case 1: .traffic(glbpTraffic())
    case 2: .table(glbpTable())
    default: .unknown(type: UInt8(4 + count(200)), octets: octets(upTo: GlbpLimits.bodyByteCount))
    }
  }

  private mutating func glbpHello() -> GlbpHello {
    GlbpHello(
      state: GlbpState(rawValue: number()), priority: number(), helloMilliseconds: max(1, number()), holdMilliseconds: max(1, number()),
      redirectSeconds: number(), timeoutSeconds: number(), virtualAddress: internetAddress())
  }

  private mutating func glbpMember() -> GlbpMember {
    GlbpMember(
      protocolVersion: max(1, number()), address: internetAddress(), wantedForwarderCount: number(),
      share: number(), isDraining: .random(using: &generator), isLeaving: .random(using: &generator),
      isBelowThreshold: .random(using: &generator), canMove: .random(using: &generator),
      isReady: .random(using: &generator), incarnation: number(), sequence: number(), carried: forwarderSet(), arriving: forwarderSet())
  }

  private mutating func forwarderSet() -> ForwarderSet { ForwarderSet((0..<count(40)).map { _ in UInt8(1 + count(254)) }) }

  private mutating func glbpTraffic() -> GlbpTraffic {
    GlbpTraffic(
      entries: (0..<count(GlbpLimits.trafficEntryCount)).map { _ in
        .init(forwarder: max(1, number()), packetsPerSecond: number(), octetsPerSecond: number())
      })
  }

  private mutating func glbpTable() -> GlbpTable {
    let gateways = (0..<count(4)).map { _ in internetAddress() }
    let first = UInt8(1 + count(200))
    return GlbpTable(
      version: number(), gatewayCount: number(), forwarderCount: number(), gateways: gateways,
      entries: (0..<UInt8(count(18))).map { index in
        .init(
          forwarder: first + index, home: gateways.randomElement(using: &generator), holder: gateways.randomElement(using: &generator),
          isRedirectEnded: .random(using: &generator), isRetired: .random(using: &generator), isFree: .random(using: &generator),
          serial: number())
      })
  }
}
