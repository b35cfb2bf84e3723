import CPacketPath
import PacketPath

extension PacketPathCase {
  /// Every case.
  public static let all: [PacketPathCase] =
    figure9 + parsing + malformedPackets + fragments + elsewhere + routerWork + addressResolution + neighbourDiscovery
    + gateway + gatewayQuestions + virtualServers

  private static let tcp4 = Frames.ip(Frames.ipv4(protocol: 6, Frames.tcp()))
  private static let tcp6 = Frames.ip(Frames.ipv6(protocol: 6, Frames.tcp()))
  private static let hold = World.master(skein_flag_hold)

  private static func taken(_ frame: [UInt8]) -> [UInt8] { Frames.readdressed(frame, to: Frames.ownMAC) }
  private static func forwarded(_ frame: [UInt8]) -> [UInt8] {
    Frames.readdressed(frame, to: Frames.memberMAC, from: Frames.ownMAC)
  }
  static func takes(_ name: String, _ frame: [UInt8], _ world: World = World()) -> PacketPathCase {
    PacketPathCase(name, world, frame, .taken, result: taken(frame))
  }

  /// Whose packet it is (specification 1, "Packet input").
  static let figure9: [PacketPathCase] = [
    takes("a packet of my unit is taken, and readdressed to me", tcp4),
    takes("an IPv6 packet of my unit is taken", tcp6),
    PacketPathCase("a packet of my unit that is addressed to me stays as it is", World(), taken(tcp4), .taken),
    PacketPathCase("a held frame comes back and is taken by a master", World(flags: hold), taken(tcp4), .taken),
    PacketPathCase("a packet of another's unit is dropped", World(units: .acknowledged), tcp4, .notMine),
    PacketPathCase("a packet of nobody's unit is dropped by a member", World(units: .unassigned), tcp4, .notMine),
    PacketPathCase("another's packet needs no lease to be dropped", World(units: .acknowledged, hasLease: false), tcp4, .notMine),
    PacketPathCase("nothing is taken without a lease", World(hasLease: false), tcp4, .leaseExpired),
    PacketPathCase("nothing is taken by a master without a lease", World(flags: hold, hasLease: false), tcp6, .leaseExpired),
    PacketPathCase("a master leaves to the member what it sees", World(flags: hold, units: .acknowledged), tcp4, .leftToMember),
    PacketPathCase(
      "a master forwards in forwarding mode", World(flags: hold, units: .acknowledged, isForwarding: true), taken(tcp4), .forwarded,
      result: forwarded(tcp4)),
    PacketPathCase(
      "a master without a lease forwards nothing", World(flags: hold, units: .acknowledged, hasLease: false, isForwarding: true),
      taken(tcp4), .leaseExpired),
    PacketPathCase(
      "a master forwards to no member that it does not know", World(flags: hold, units: .ofNobodyKnown, isForwarding: true),
      taken(tcp4), .memberMissing),
    PacketPathCase("a master hands up what is unassigned", World(flags: hold, units: .unassigned), tcp4, .unassigned),
    PacketPathCase("a master hands up what is unacknowledged", World(flags: hold, units: .unacknowledged), tcp4, .unacknowledged),
    PacketPathCase("a member hands up what is on its way to or from it", World(units: .moving), tcp6, .unacknowledgedDropped),
    PacketPathCase(
      "a member holds what is on its way to or from it", World(flags: UInt32(skein_flag_hold.rawValue), units: .moving), tcp6,
      .unacknowledged),
    PacketPathCase("a member without a lease holds nothing", World(units: .moving, hasLease: false), tcp6, .leaseExpired),
    PacketPathCase("a master hands up what is its own but not in yet", World(flags: hold, units: .comingToMe), tcp6, .unacknowledged),
    PacketPathCase(
      "a master without a lease hands nothing up", World(flags: hold, units: .unassigned, hasLease: false), tcp4, .leaseExpired),
    PacketPathCase(
      "a master that holds nothing drops what is unassigned", World(flags: World.master(), units: .unassigned), tcp4, .unassignedDropped),
    PacketPathCase(
      "a master that holds nothing drops what is unacknowledged", World(flags: World.master(), units: .unacknowledged), tcp4,
      .unacknowledgedDropped),
    PacketPathCase(
      "a frame longer than an upcall is cut", World(flags: hold, units: .unassigned),
      Frames.ip(Frames.ipv4(protocol: 17, Frames.udp(.init(repeating: 7, count: 2500)))), .unassigned),
    PacketPathCase(
      "a packet to the cluster in a broadcast frame is dropped", World(), Frames.readdressed(tcp4, to: Frames.broadcastMAC), .groupFrame),
    PacketPathCase(
      "a packet to the cluster at another machine is not ours", World(), Frames.readdressed(tcp4, to: Frames.strangerMAC), .otherStation),
  ]

  /// What the classification finds behind.
  static let parsing: [PacketPathCase] = [
    takes("behind a VLAN tag", Frames.ip(tags: [5], Frames.ipv4(protocol: 6, Frames.tcp()))),
    takes("behind two VLAN tags", Frames.ip(tags: [9, 5], Frames.ipv6(protocol: 6, Frames.tcp()))),
    PacketPathCase(
      "behind three VLAN tags nothing is seen", World(), Frames.ip(tags: [1, 2, 3], Frames.ipv4(protocol: 6, Frames.tcp())), .otherProtocol),
    takes("behind IPv4 options", Frames.ip(Frames.ipv4(protocol: 17, options: [1, 1, 1, 0], Frames.udp()))),
    takes(
      "behind as many IPv4 options as there can be",
      Frames.ip(Frames.ipv4(protocol: 6, options: .init(repeating: 1, count: 40), Frames.tcp()))),
    takes(
      "behind IPv6 extension headers",
      Frames.ip(
        Frames.ipv6(
          protocol: 17,
          extensions: [
            Frames.optionsHeader(0), Frames.optionsHeader(43, units: 2), Frames.authenticationHeader(), Frames.optionsHeader(60, units: 3),
          ], Frames.udp()))),
    takes(
      "behind eight extension headers",
      Frames.ip(Frames.ipv6(protocol: 6, extensions: .init(repeating: Frames.optionsHeader(60), count: 8), Frames.tcp()))),
    PacketPathCase(
      "behind nine extension headers it is dropped", World(),
      Frames.ip(Frames.ipv6(protocol: 6, extensions: .init(repeating: Frames.optionsHeader(60), count: 9), Frames.tcp())), .headerLimit),
    PacketPathCase(
      "behind nine extension headers to this machine it passes", World(),
      Frames.ip(
        to: Frames.ownMAC,
        Frames.ipv6(to: Frames.own6, protocol: 6, extensions: .init(repeating: Frames.optionsHeader(60), count: 9), Frames.tcp())),
      .headerLimitPassed),
    takes("UDP", Frames.ip(Frames.ipv4(protocol: 17, Frames.udp()))),
    takes("an ICMP echo", Frames.ip(Frames.ipv4(protocol: 1, Frames.icmp(type: 8)))),
    takes("an ICMPv6 echo", Frames.ip(Frames.ipv6(protocol: 58, Frames.icmp(type: 128)))),
    takes("GRE", Frames.ip(Frames.ipv4(protocol: 47, [0x30, 1, 0x88, 0x0b, 0, 4, 0, 1, 0, 0, 0, 0]))),
    takes("ESP", Frames.ip(Frames.ipv6(protocol: 50, [0, 0, 1, 0, 0, 0, 0, 1]))),
    takes("a protocol without a payload", Frames.ip(Frames.ipv4(protocol: 99, []))),
    takes("L2TP", Frames.ip(Frames.ipv4(protocol: 17, Frames.l2tp(tunnel: 4, session: 9))), World(flags: skein_flag_l2tp_ids.rawValue)),
    takes(
      "L2TP without a length", Frames.ip(Frames.ipv4(protocol: 17, Frames.l2tp(tunnel: 4, session: 9, withLength: false))),
      World(flags: skein_flag_l2tp_ids.rawValue)),
    takes("a service hashed by source alone", tcp4, World(sourceOnly: [(50, 0), (6, 80)])),
    takes("an ICMP error", Frames.ip(Frames.ipv4(from: Frames.far4, protocol: 1, icmpError4))),
    takes("an ICMPv6 error", Frames.ip(Frames.ipv6(from: Frames.far6, protocol: 58, icmpError6))),
    takes("an ICMP error that quotes too little", Frames.ip(Frames.ipv4(from: Frames.far4, protocol: 1, Array(icmpError4.prefix(24))))),
    takes("padding behind a short packet", tcp4 + [0, 0, 0, 0, 0, 0]),
  ]

  private static let icmpError4 = Frames.icmp(
    type: 3, code: 4,
    [0, 0, 0x05, 0x14] + Frames.ipv4(from: Frames.cluster4, to: Frames.client4, protocol: 6, Frames.tcp(from: 80, to: 40000)))
  private static let icmpError6 = Frames.icmp(
    type: 2, [0, 0, 0x05, 0x14] + Frames.ipv6(from: Frames.cluster6, to: Frames.client6, protocol: 6, Frames.tcp(from: 80, to: 40000)))

  private static func broken(_ name: String, _ packet: [UInt8], to destination: [UInt8] = Frames.sharedMAC, _ counter: PacketCounter)
    -> PacketPathCase
  {
    PacketPathCase(name, World(), Frames.ip(to: destination, packet), counter)
  }

  private static func changed(_ octets: [UInt8], _ index: Int, _ value: UInt8) -> [UInt8] {
    var octets = octets
    octets[index] = value
    return octets
  }

  static let malformedPackets: [PacketPathCase] = [
    broken(
      "an IPv4 packet cut in its options", Array(Frames.ipv4(protocol: 6, options: [1, 1, 1, 0], Frames.tcp()).prefix(22)), .malformed),
    broken("an IPv4 packet cut in its transport header", Array(Frames.ipv4(protocol: 6, Frames.tcp()).prefix(30)), .malformed),
    broken("an IPv4 header shorter than can be", changed(Frames.ipv4(protocol: 6, Frames.tcp()), 0, 0x44), .malformed),
    broken("an IPv4 packet of another version", changed(Frames.ipv4(protocol: 6, Frames.tcp()), 0, 0x55), .malformed),
    broken("an IPv4 length below its header", changed(Frames.ipv4(protocol: 6, Frames.tcp()), 3, 19), .malformed),
    broken("an IPv4 length beyond the frame", changed(Frames.ipv4(protocol: 6, Frames.tcp()), 3, 41), .malformed),
    broken("a TCP header shorter than can be", Frames.ipv4(protocol: 6, Array(Frames.tcp().prefix(19))), .malformed),
    broken("a UDP header shorter than can be", Frames.ipv4(protocol: 17, [1, 2, 3, 4, 5, 6, 7]), .malformed),
    broken("an ICMP message shorter than can be", Frames.ipv4(protocol: 1, [8, 0, 0, 0]), .malformed),
    broken("an ICMPv6 message shorter than can be", Frames.ipv6(protocol: 58, [128, 0, 0, 0]), .malformed),
    broken("an IPv6 length beyond the frame", changed(Frames.ipv6(protocol: 6, Frames.tcp()), 5, 21), .malformed),
    broken(
      "an IPv6 extension header beyond the packet", Frames.ipv6(protocol: 6, extensions: [(60, [0, 9, 1, 4, 0, 0, 0, 0])], Frames.tcp()),
      .malformed),
    broken("an IPv6 extension header cut", Frames.ipv6(protocol: 60, [6, 0, 1]), .malformed),
    broken(
      "a malformed packet to this machine passes", changed(Frames.ipv4(to: Frames.own4, protocol: 6, Frames.tcp()), 3, 41),
      to: Frames.ownMAC, .malformedPassed),
    broken("an IPv4 header cut before the destination passes", Array(Frames.ipv4(protocol: 6, []).prefix(17)), .malformedPassed),
    broken("an IPv6 header cut before the destination passes", Array(Frames.ipv6(protocol: 6, []).prefix(30)), .malformedPassed),
    PacketPathCase(
      "a frame that ends in its VLAN tag passes", World(), Frames.sharedMAC + Frames.clientMAC + [0x81, 0, 0], .malformedPassed),
  ]

  private static let first4 = Frames.ip(Frames.ipv4(protocol: 17, fragment: 0x2000, Frames.udp(.init(repeating: 1, count: 40))))
  private static let later4 = Frames.ip(Frames.ipv4(protocol: 17, fragment: 0x0006, .init(repeating: 1, count: 20)))
  private static let first6 = Frames.ip(
    Frames.ipv6(
      protocol: 17, extensions: [Frames.fragmentHeader(offset: 0, more: true, identification: 0xabcd_0123)],
      Frames.udp(.init(repeating: 1, count: 40))))
  private static let later6 = Frames.ip(
    Frames.ipv6(
      protocol: 17, extensions: [Frames.fragmentHeader(offset: 6, more: false, identification: 0xabcd_0123)], .init(repeating: 1, count: 20)
    ))
  private static let optionsThenFirst6 = Frames.ip(
    Frames.ipv6(
      protocol: 6,
      extensions: [Frames.optionsHeader(0), Frames.fragmentHeader(offset: 0, more: true, identification: 5), Frames.optionsHeader(60)],
      Frames.tcp()))
  private static let optionsThenLater6 = Frames.ip(
    Frames.ipv6(
      protocol: 60, extensions: [Frames.optionsHeader(0), Frames.fragmentHeader(offset: 4, more: false, identification: 5)],
      .init(repeating: 1, count: 9)))

  static let fragments: [PacketPathCase] = [
    PacketPathCase(
      "later fragments follow the first", World(),
      [
        .init(first4, .taken, result: taken(first4)), .init(later4, .taken, result: taken(later4)),
        .init(later4, .taken, result: taken(later4)),
      ]),
    PacketPathCase(
      "later IPv6 fragments follow the first", World(),
      [.init(first6, .taken, result: taken(first6)), .init(later6, .taken, result: taken(later6))]),
    PacketPathCase(
      "fragments with options behind the fragment header follow the first", World(),
      [
        .init(optionsThenFirst6, .taken, result: taken(optionsThenFirst6)),
        .init(optionsThenLater6, .taken, result: taken(optionsThenLater6)),
      ]),
    PacketPathCase(
      "fragments of another's unit are dropped", World(units: .acknowledged), [.init(first4, .notMine), .init(later4, .notMine)]),
    PacketPathCase("a later fragment alone is dropped by a member", World(), later4, .fragmentUnknown),
    PacketPathCase("a later fragment alone that the master sent is taken", World(), taken(later6), .fragmentTaken),
    PacketPathCase("a later fragment alone is not taken without a lease", World(hasLease: false), taken(later4), .leaseExpired),
    PacketPathCase("a later fragment alone is handed up by the master", World(flags: hold), later4, .fragmentHeld),
    PacketPathCase(
      "a later fragment alone is dropped by a master that holds nothing", World(flags: World.master()), later6, .fragmentUnknown),
    PacketPathCase("a later fragment alone is not handed up without a lease", World(flags: hold, hasLease: false), later4, .leaseExpired),
    PacketPathCase(
      "fragments of two datagrams are told apart", World(),
      [
        .init(first4, .taken, result: taken(first4)),
        .init(Frames.ip(Frames.ipv4(protocol: 17, identification: 0x1235, fragment: 6, [1, 2, 3, 4])), .fragmentUnknown),
      ]),
    takes(
      "a later fragment of an echo needs no first", Frames.ip(Frames.ipv4(protocol: 1, fragment: 0x00b9, .init(repeating: 2, count: 20)))),
    takes(
      "a later IPv6 fragment of an echo needs no first",
      Frames.ip(
        Frames.ipv6(
          protocol: 58, extensions: [Frames.fragmentHeader(offset: 9, more: true, identification: 6)], .init(repeating: 2, count: 24)))),
    takes(
      "an atomic fragment is whole",
      Frames.ip(Frames.ipv6(protocol: 6, extensions: [Frames.fragmentHeader(offset: 0, more: false, identification: 7)], Frames.tcp()))),
    PacketPathCase(
      "a first fragment without ports is malformed", World(), Frames.ip(Frames.ipv4(protocol: 17, fragment: 0x2000, [1, 2, 3, 4])),
      .malformed),
    takes(
      "a first fragment with eight octets of TCP is enough",
      Frames.ip(Frames.ipv4(protocol: 6, fragment: 0x2000, Array(Frames.tcp().prefix(8))))),
  ]

  private static let toOwn = Frames.ip(to: Frames.ownMAC, Frames.ipv4(to: Frames.own4, protocol: 6, Frames.tcp()))
  private static let toFar = Frames.ip(to: Frames.ownMAC, Frames.ipv4(to: Frames.far4, protocol: 6, Frames.tcp()))
  private static let toFarShared = Frames.ip(Frames.ipv4(to: Frames.far4, protocol: 6, Frames.tcp()))

  /// What is not for the cluster.
  static let elsewhere: [PacketPathCase] = [
    PacketPathCase(
      "another protocol passes", World(), Frames.ethernet(to: Frames.ownMAC, type: 0x88cc, .init(repeating: 0, count: 46)), .otherProtocol),
    PacketPathCase("a packet to this machine passes", World(hasLease: false), toOwn, .ownAddress),
    PacketPathCase(
      "an IPv6 packet to this machine passes", World(),
      Frames.ip(to: Frames.ownMAC, Frames.ipv6(to: Frames.own6, protocol: 6, Frames.tcp())), .ownAddress),
    PacketPathCase(
      "a packet to this machine at the shared address passes", World(), Frames.readdressed(toOwn, to: Frames.sharedMAC), .ownAddress),
    PacketPathCase(
      "multicast passes", World(), Frames.ip(to: [1, 0, 0x5e, 0, 0, 1], Frames.ipv4(to: [224, 0, 0, 1], protocol: 2, [0x11, 0, 0, 0])),
      .group),
    PacketPathCase(
      "broadcast passes", World(), Frames.ip(to: Frames.broadcastMAC, Frames.ipv4(to: [192, 0, 2, 255], protocol: 17, Frames.udp())), .group
    ),
    PacketPathCase(
      "IPv6 multicast passes", World(), Frames.ip(to: Frames.allNodesMAC, Frames.ipv6(to: Frames.allNodes6, protocol: 17, Frames.udp())),
      .group),
    PacketPathCase(
      "a link-local destination passes", World(flags: skein_flag_routing.rawValue, isForwarding: true),
      Frames.ip(to: Frames.ownMAC, Frames.ipv6(to: [0xfe, 0x80] + .init(repeating: 1, count: 14), protocol: 6, Frames.tcp())), .group),
    PacketPathCase("a packet for elsewhere at this machine's address passes", World(), toFar, .toStack),
    PacketPathCase(
      "a packet for elsewhere at another machine's address passes", World(), Frames.readdressed(toFar, to: Frames.strangerMAC),
      .otherStation),
    PacketPathCase("a packet for elsewhere at the shared address is dropped", World(), toFarShared, .foreign),
  ]

  private static let routing = skein_flag_routing.rawValue
  private static let routingMaster = World.master(skein_flag_routing, skein_flag_hold)

  static let routerWork: [PacketPathCase] = [
    PacketPathCase("router work of my unit is routed", World(flags: routing), toFarShared, .routed, result: taken(toFarShared)),
    PacketPathCase("router work of another's unit is dropped", World(flags: routing, units: .acknowledged), toFarShared, .notMine),
    PacketPathCase("router work needs the lease", World(flags: routing, hasLease: false), toFarShared, .leaseExpired),
    PacketPathCase("router work of nobody's is handed up", World(flags: routingMaster, units: .unassigned), toFarShared, .unassigned),
    PacketPathCase("router work of another's is left to it", World(flags: routingMaster, units: .acknowledged), toFarShared, .leftToMember),
    PacketPathCase(
      "router work is forwarded in forwarding mode", World(flags: routingMaster, units: .acknowledged, isForwarding: true), toFar,
      .forwarded, result: forwarded(toFar)),
    PacketPathCase("router work comes in forwarded and is routed", World(flags: routing, isForwarding: true), toFar, .routed),
    PacketPathCase("what is for this machine is no router work", World(flags: routing, isForwarding: true), toOwn, .ownAddress),
    PacketPathCase("what is at this machine's own address is routed by the stack", World(flags: routing), toFar, .toStack),
    PacketPathCase(
      "malformed router work at the shared address is dropped", World(flags: routing), changed(toFarShared, 17, 41), .malformed),
    PacketPathCase(
      "malformed router work at this machine's address passes", World(flags: routing, isForwarding: true), changed(toFar, 17, 41),
      .malformedPassed),
  ]

  private static func arpReply(
    to asker: [UInt8] = Frames.clientMAC, address: [UInt8] = Frames.client4, at hardware: [UInt8], tags: [UInt16] = []
  ) -> [UInt8] {
    Frames.arp(
      operation: 2, sender: hardware, senderAddress: Frames.cluster4, target: asker, targetAddress: address, to: asker, from: Frames.ownMAC,
      tags: tags)
  }

  static let addressResolution: [PacketPathCase] = [
    PacketPathCase(
      "a master answers ARP with the shared address, from its own", World(flags: hold), Frames.arp(), .arpAnswered,
      result: arpReply(at: Frames.sharedMAC)),
    PacketPathCase(
      "a forwarding master answers ARP with its own address", World(flags: hold, isForwarding: true), Frames.arp(), .arpAnswered,
      result: arpReply(at: Frames.ownMAC)),
    PacketPathCase(
      "a master answers ARP behind a VLAN tag", World(flags: hold), Frames.arp(tags: [7]), .arpAnswered,
      result: arpReply(at: Frames.sharedMAC, tags: [7])),
    PacketPathCase(
      "a master answers an ARP probe", World(flags: hold), Frames.arp(senderAddress: [0, 0, 0, 0]), .arpAnswered,
      result: arpReply(address: [0, 0, 0, 0], at: Frames.sharedMAC)),
    PacketPathCase("a master without a lease answers no ARP", World(flags: hold, hasLease: false), Frames.arp(), .arpLeaseExpired),
    PacketPathCase("a member answers no ARP for the cluster", World(), Frames.arp(), .arpNotMaster),
    PacketPathCase("ARP for others passes", World(flags: hold), Frames.arp(targetAddress: Frames.own4), .arpPassed),
    PacketPathCase(
      "an ARP answer passes", World(flags: hold), Frames.arp(operation: 2, targetAddress: Frames.own4, to: Frames.ownMAC), .arpPassed),
    PacketPathCase(
      "the master's announcement passes", World(),
      Frames.arp(sender: Frames.sharedMAC, senderAddress: Frames.cluster4, from: Frames.memberMAC), .arpPassed),
    PacketPathCase(
      "a stranger's announcement is counted", World(), Frames.arp(sender: Frames.strangerMAC, senderAddress: Frames.cluster4),
      .duplicateAddress),
    PacketPathCase(
      "a stranger's ARP answer for the cluster is counted", World(flags: hold, isForwarding: true),
      Frames.arp(operation: 2, sender: Frames.strangerMAC, senderAddress: Frames.cluster4), .duplicateAddress),
    PacketPathCase(
      "a forwarding master's announcement passes at a member", World(isForwarding: true),
      Frames.arp(sender: Frames.memberMAC, senderAddress: Frames.cluster4), .arpPassed),
    PacketPathCase(
      "ARP from a multicast address is not answered", World(flags: hold), Frames.arp(from: Frames.broadcastMAC), .invalidAsker),
    PacketPathCase("ARP cut short passes", World(flags: hold), Array(Frames.arp().prefix(40)), .malformedPassed),
    PacketPathCase("ARP of another kind of network passes", World(flags: hold), changed(Frames.arp(), 15, 6), .arpPassed),
  ]

  private static func solicitation(_ packet: [UInt8], to destination: [UInt8] = Frames.solicitedMAC, tags: [UInt16] = []) -> [UInt8] {
    Frames.ip(to: destination, tags: tags, packet)
  }
  private static func advertisement(
    to destination: [UInt8] = Frames.client6, mac: [UInt8] = Frames.clientMAC, at hardware: [UInt8] = Frames.sharedMAC, flags: UInt8 = 0x60,
    tags: [UInt16] = []
  ) -> [UInt8] {
    Frames.ip(
      to: mac, from: Frames.ownMAC, tags: tags,
      Frames.neighbour(type: 136, from: Frames.cluster6, to: destination, options: [2, 1] + hardware, flags: flags))
  }

  static let neighbourDiscovery: [PacketPathCase] = [
    PacketPathCase(
      "a master answers a solicitation", World(flags: hold), solicitation(Frames.neighbour()), .neighbourAnswered, result: advertisement()),
    PacketPathCase(
      "a master answers a solicitation to the address itself", World(flags: hold),
      solicitation(Frames.neighbour(to: Frames.cluster6), to: Frames.sharedMAC), .neighbourAnswered,
      result: advertisement()),
    PacketPathCase(
      "a master answers a solicitation behind two VLAN tags", World(flags: hold), solicitation(Frames.neighbour(), tags: [3, 4]),
      .neighbourAnswered, result: advertisement(tags: [3, 4])),
    PacketPathCase(
      "the answer of a router says so", World(flags: hold | routing), solicitation(Frames.neighbour()), .neighbourAnswered,
      result: advertisement(flags: 0xe0)),
    PacketPathCase(
      "the answer grows when the solicitation has no option", World(flags: hold), solicitation(Frames.neighbour(options: [])),
      .neighbourAnswered, result: advertisement()),
    PacketPathCase(
      "the answer shrinks when the solicitation has more options", World(flags: hold),
      solicitation(Frames.neighbour(options: [1, 1] + Frames.clientMAC + [14, 1, 1, 2, 3, 4, 5, 6])),
      .neighbourAnswered, result: advertisement()),
    PacketPathCase(
      "a probe for duplicates is answered to all nodes", World(flags: hold),
      solicitation(Frames.neighbour(from: Frames.unspecified6, options: [14, 1, 1, 2, 3, 4, 5, 6])), .neighbourAnswered,
      result: advertisement(to: Frames.allNodes6, mac: Frames.allNodesMAC, flags: 0x20)),
    PacketPathCase(
      "a master without a lease answers no solicitation", World(flags: hold, hasLease: false), solicitation(Frames.neighbour()),
      .neighbourLeaseExpired),
    PacketPathCase("a member answers no solicitation for the cluster", World(), solicitation(Frames.neighbour()), .neighbourNotMaster),
    PacketPathCase(
      "a solicitation from beyond a router is refused", World(flags: hold), solicitation(Frames.neighbour(hopLimit: 254)), .neighbourInvalid
    ),
    PacketPathCase("a solicitation with a code is refused", World(flags: hold), solicitation(Frames.neighbour(code: 1)), .neighbourInvalid),
    PacketPathCase(
      "a solicitation with a wrong checksum is refused", World(flags: hold), changed(solicitation(Frames.neighbour()), 85, 0x77),
      .neighbourInvalid),
    PacketPathCase(
      "a solicitation with an option of no length is refused", World(flags: hold),
      solicitation(Frames.neighbour(options: [1, 0, 0, 0, 0, 0, 0, 0])), .neighbourInvalid),
    PacketPathCase(
      "a solicitation of odd length is refused", World(flags: hold), solicitation(Frames.neighbour(options: [1, 1, 2])), .neighbourInvalid),
    PacketPathCase(
      "a probe to the address itself is refused", World(flags: hold),
      solicitation(Frames.neighbour(from: Frames.unspecified6, to: Frames.cluster6)), .neighbourInvalid),
    PacketPathCase(
      "a solicitation with too many options is dropped", World(flags: hold),
      solicitation(Frames.neighbour(options: .init(repeating: 1, count: 48))), .neighbourUnanswerable),
    PacketPathCase(
      "a solicitation for another passes", World(flags: hold), solicitation(Frames.neighbour(target: Frames.own6)), .neighbourPassed),
    PacketPathCase(
      "an advertisement to the cluster's address passes", World(units: .acknowledged),
      Frames.ip(to: Frames.ownMAC, Frames.neighbour(type: 136, to: Frames.cluster6, target: Frames.client6)), .neighbourPassed),
    PacketPathCase(
      "a router advertisement passes", World(),
      Frames.ip(
        to: Frames.allNodesMAC,
        Frames.ipv6(to: Frames.allNodes6, protocol: 58, hopLimit: 255, Frames.icmp(type: 134, .init(repeating: 0, count: 12)))),
      .neighbourPassed),
    PacketPathCase(
      "the master's advertisement passes", World(),
      Frames.ip(
        to: Frames.allNodesMAC, from: Frames.memberMAC,
        Frames.neighbour(type: 136, from: Frames.cluster6, to: Frames.allNodes6, options: [2, 1] + Frames.sharedMAC)), .neighbourPassed),
    PacketPathCase(
      "a stranger's advertisement is counted", World(),
      Frames.ip(
        to: Frames.allNodesMAC,
        Frames.neighbour(type: 136, from: Frames.cluster6, to: Frames.allNodes6, options: [2, 1] + Frames.strangerMAC)), .duplicateAddress),
    PacketPathCase(
      "a solicitation from the cluster's address at a stranger's is counted", World(),
      solicitation(Frames.neighbour(from: Frames.cluster6, target: Frames.client6, options: [1, 1] + Frames.strangerMAC)), .duplicateAddress
    ),
  ]
}
