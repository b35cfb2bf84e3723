import CPacketPath
import PacketPath

extension PacketPathCase {
  private static let gatewayFlags = World.gateway()
  private static let holding = World.gateway(skein_flag_hold)
  private static let holdingMaster = World.gateway(skein_flag_hold, skein_flag_master)
  private static let answering = World.gateway(skein_flag_answers)
  private static let world = World(flags: gatewayFlags)
  private static let vmac = Frames.virtualMAC(1)

  private static func toVirtual(_ packet: [UInt8], tags: [UInt16] = []) -> [UInt8] { Frames.ip(to: vmac, tags: tags, packet) }
  private static func own(_ frame: [UInt8]) -> [UInt8] { Frames.readdressed(frame, to: Frames.ownMAC) }

  private static let far4 = toVirtual(Frames.ipv4(to: Frames.far4, protocol: 17, Frames.udp()))
  private static let far6 = toVirtual(Frames.ipv6(to: Frames.far6, protocol: 6, Frames.tcp()))

  private static func routes(_ name: String, _ frame: [UInt8], _ counter: PacketCounter = .routedByKernel, flags: UInt32 = gatewayFlags)
    -> PacketPathCase
  {
    PacketPathCase(name, World(flags: flags), frame, counter, result: own(frame))
  }

  private static let echo4 = toVirtual(Frames.ipv4(to: Frames.virtual4, protocol: 1, Frames.icmp(type: 8)))
  private static let echoed4 = Frames.ip(
    to: Frames.clientMAC, from: Frames.ownMAC,
    Frames.ipv4(from: Frames.virtual4, to: Frames.client4, protocol: 1, hopLimit: 255, Frames.icmp(type: 0)))

  private static func echo6(type: UInt8, from source: [UInt8], to destination: [UInt8], hopLimit: UInt8) -> [UInt8] {
    var message: [UInt8] = [type, 0, 0, 0, 0x12, 0x34, 0, 1, 7]
    let sum = Frames.checksum(source + destination + [0, 0, 0, 9, 0, 0, 0, 58] + message)
    message.replaceSubrange(2..<4, with: Frames.big(sum))
    return Frames.ipv6(from: source, to: destination, protocol: 58, hopLimit: hopLimit, message)
  }

  /// Frames to virtual MAC addresses (specification 2, "Forwarding").
  static let gateway: [PacketPathCase] = [
    routes("a frame to a virtual MAC address of mine is routed", far4),
    routes("an IPv6 frame to a virtual MAC address of mine is routed", far6),
    routes("with fast routing, what has a VLAN tag is the kernel's", toVirtual(Array(far4[14...]), tags: [5]), flags: fast),
    routes(
      "with fast routing, what has IPv4 options is the kernel's",
      toVirtual(Frames.ipv4(to: Frames.far4, protocol: 17, options: [1, 1, 1, 0], Frames.udp())), flags: fast),
    routes(
      "with fast routing, what has hop-by-hop options is the kernel's",
      toVirtual(Frames.ipv6(to: Frames.far6, protocol: 17, extensions: [Frames.optionsHeader(0)], Frames.udp())), flags: fast),
    routes(
      "with fast routing, what comes from nowhere is the kernel's",
      toVirtual(Frames.ipv4(from: [0, 0, 0, 0], to: Frames.far4, protocol: 17, Frames.udp())), flags: fast),
    routes(
      "with fast routing, what comes from loopback is the kernel's",
      toVirtual(Frames.ipv4(from: [127, 0, 0, 1], to: Frames.far4, protocol: 17, Frames.udp())), flags: fast),
    routes(
      "with fast routing, what comes from a link-local address is the kernel's",
      toVirtual(Frames.ipv6(from: Frames.virtual6, to: Frames.far6, protocol: 17, Frames.udp())), flags: fast),
    routes(
      "the last hop is the kernel's to explain", toVirtual(Frames.ipv4(to: Frames.far4, protocol: 17, hopLimit: 1, Frames.udp())),
      .routeExpired, flags: fast),
    routes(
      "the last IPv6 hop is the kernel's to explain", toVirtual(Frames.ipv6(to: Frames.far6, protocol: 17, hopLimit: 0, Frames.udp())),
      .routeExpired),
    routes(
      "a packet to this machine at a virtual MAC address is its own", toVirtual(Frames.ipv4(to: Frames.own4, protocol: 6, Frames.tcp())),
      .gatewayAddress),
    routes(
      "a packet to the virtual address that is no ping is the stack's",
      toVirtual(Frames.ipv4(to: Frames.virtual4, protocol: 17, Frames.udp())),
      .gatewayAddress),
    routes(
      "a ping in fragments is the stack's",
      toVirtual(Frames.ipv4(to: Frames.virtual4, protocol: 1, fragment: 0x2000, Frames.icmp(type: 8))),
      .gatewayAddress),
    routes(
      "a link-local destination at a virtual MAC address is not routed",
      toVirtual(Frames.ipv6(to: [0xfe, 0x80] + .init(repeating: 1, count: 14), protocol: 6, Frames.tcp())), .group),
    PacketPathCase("a ping to the virtual address is answered in place", world, echo4, .gatewayEcho, result: echoed4),
    PacketPathCase(
      "a ping to the virtual IPv6 address is answered in place", world,
      toVirtual(echo6(type: 128, from: Frames.client6, to: Frames.virtual6, hopLimit: 3)), .gatewayEcho,
      result: Frames.ip(
        to: Frames.clientMAC, from: Frames.ownMAC, echo6(type: 129, from: Frames.virtual6, to: Frames.client6, hopLimit: 255))),
    PacketPathCase(
      "a ping at another's virtual MAC address is not answered", World(flags: gatewayFlags, units: .acknowledged), echo4, .notForwarder),
    PacketPathCase("a ping is not answered without a lease", World(flags: gatewayFlags, hasLease: false), echo4, .leaseExpired),
    PacketPathCase(
      "a cluster address at a virtual MAC address is not taken by hash", world, toVirtual(Frames.ipv4(protocol: 6, Frames.tcp())),
      .groupFrame),
    PacketPathCase("another's virtual MAC address is dropped", World(flags: gatewayFlags, units: .acknowledged), far4, .notForwarder),
    PacketPathCase("nobody's virtual MAC address is dropped", World(flags: holding, units: .unassigned), far4, .notForwarder),
    PacketPathCase(
      "another's virtual MAC address is not forwarded to it by its own",
      World(flags: holdingMaster, units: .acknowledged, isForwarding: true), far4, .notForwarder),
    PacketPathCase(
      "a virtual MAC address needs no lease to be another's", World(flags: gatewayFlags, units: .acknowledged, hasLease: false), far6,
      .notForwarder),
    PacketPathCase("nothing is routed without a lease", World(flags: gatewayFlags, hasLease: false), far6, .leaseExpired),
    PacketPathCase("a virtual MAC address on its way is held", World(flags: holding, units: .moving), far6, .unacknowledged),
    PacketPathCase(
      "a virtual MAC address on its way is not held without a lease", World(flags: holding, units: .moving, hasLease: false), far6,
      .leaseExpired),
    PacketPathCase(
      "a virtual MAC address on its way, and nothing is held", World(flags: gatewayFlags, units: .moving), far4, .unacknowledgedDropped),
    PacketPathCase("a master holds for nobody's virtual MAC address", World(flags: holdingMaster, units: .unassigned), far4, .unassigned),
    PacketPathCase(
      "a master holds for one that is not acknowledged", World(flags: holdingMaster, units: .unacknowledged), far4, .unacknowledged),
    PacketPathCase(
      "a held frame for what is another's by now is sent on", World(flags: World.gateway(skein_flag_replay), units: .acknowledged), far4,
      .sentOn,
      result: Frames.readdressed(far4, to: vmac, from: Frames.ownMAC)),
    PacketPathCase("a malformed packet at a virtual MAC address is dropped", world, toVirtual(Array(far4[14..<38])), .malformed),
    PacketPathCase("forwarder 0 is none", world, Frames.readdressed(far4, to: Frames.virtualMAC(0)), .otherStation),
    PacketPathCase(
      "another group's virtual MAC address is another station", world, Frames.readdressed(far4, to: [0, 7, 0xb4, 3, 0xfd, 1]), .otherStation
    ),
    PacketPathCase("without a gateway a virtual MAC address is another station", World(), far4, .otherStation),
    PacketPathCase("a packet to the virtual address at this machine's own MAC address passes", world, own(echo4), .toStack),
  ]

  private static let fast = World.gateway(skein_flag_fast_routing)
  private static let question4 = Frames.arp(targetAddress: Frames.virtual4)
  private static let solicitedVirtual: [UInt8] = [0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, 7, 0, 1]
  private static let question6 = Frames.ip(
    to: [0x33, 0x33, 0xff, 7, 0, 1], Frames.neighbour(to: solicitedVirtual, target: Frames.virtual6))
  private static let probe4 = Frames.arp(targetAddress: Frames.virtual4, to: vmac)
  private static let probe6 = Frames.ip(to: vmac, Frames.neighbour(to: Frames.virtual6, target: Frames.virtual6))

  private static func advertised(at hardware: [UInt8], options: Bool = true, from source: [UInt8] = Frames.memberMAC) -> [UInt8] {
    Frames.ip(
      to: Frames.allNodesMAC, from: source,
      Frames.neighbour(
        type: 136, from: Frames.virtual6, to: Frames.allNodes6, target: Frames.virtual6, options: options ? [2, 1] + hardware : []))
  }

  /// ARP and neighbour discovery about the virtual addresses (specification 2, "Answering ARP").
  static let gatewayQuestions: [PacketPathCase] = [
    PacketPathCase("a question goes up where it is answered", World(flags: answering), question4, .question),
    PacketPathCase("a solicitation goes up where it is answered", World(flags: answering), question6, .question),
    PacketPathCase(
      "a probe for duplicates of the virtual address goes up", World(flags: answering),
      Frames.ip(
        to: [0x33, 0x33, 0xff, 7, 0, 1],
        Frames.neighbour(from: Frames.unspecified6, to: solicitedVirtual, target: Frames.virtual6, options: [])),
      .question),
    PacketPathCase("a question is dropped where it is not answered", world, question4, .questionNotOurs),
    PacketPathCase("a solicitation is dropped where it is not answered", world, question6, .questionNotOurs),
    PacketPathCase(
      "a question is not answered without a lease", World(flags: answering, hasLease: false), question4, .questionLeaseExpired),
    PacketPathCase(
      "a solicitation is not answered without a lease", World(flags: answering, hasLease: false), question6, .questionLeaseExpired),
    PacketPathCase("a question to a virtual MAC address of mine goes up", world, probe4, .question),
    PacketPathCase("a solicitation to a virtual MAC address of mine goes up", world, probe6, .question),
    PacketPathCase(
      "a question to another's virtual MAC address is its own", World(flags: answering, units: .acknowledged), probe4, .questionNotOurs),
    PacketPathCase(
      "a solicitation to another's virtual MAC address is its own", World(flags: answering, units: .acknowledged), probe6, .questionNotOurs),
    PacketPathCase(
      "a question from a multicast address is not answered", World(flags: answering),
      Frames.arp(targetAddress: Frames.virtual4, from: Frames.broadcastMAC), .questionInvalid),
    PacketPathCase(
      "a solicitation from beyond a router is not answered", World(flags: answering),
      Frames.ip(to: vmac, Frames.neighbour(to: Frames.virtual6, target: Frames.virtual6, hopLimit: 254)), .questionInvalid),
    PacketPathCase("a question for another address passes", World(flags: answering), Frames.arp(targetAddress: Frames.own4), .arpPassed),
    PacketPathCase(
      "a solicitation for another address passes", World(flags: answering),
      Frames.ip(to: Frames.solicitedMAC, Frames.neighbour(target: Frames.own6)), .neighbourPassed),
    PacketPathCase(
      "a gateway's answer is no conflict", world,
      Frames.arp(operation: 2, sender: Frames.virtualMAC(9), senderAddress: Frames.virtual4, from: Frames.memberMAC),
      .virtualAddressAnnounced),
    PacketPathCase("a gateway's advertisement is no conflict", world, advertised(at: Frames.virtualMAC(9)), .virtualAddressAnnounced),
    PacketPathCase(
      "a stranger's answer for the virtual address goes up and no further", world,
      Frames.arp(operation: 2, sender: Frames.strangerMAC, senderAddress: Frames.virtual4), .virtualAddressConflict),
    PacketPathCase(
      "a stranger's announcement of the virtual address goes up and no further", World(flags: answering),
      Frames.arp(sender: Frames.strangerMAC, senderAddress: Frames.virtual4, targetAddress: Frames.virtual4), .virtualAddressConflict),
    PacketPathCase(
      "a stranger's advertisement of the virtual address goes up and no further", world, advertised(at: Frames.strangerMAC),
      .virtualAddressConflict),
    PacketPathCase(
      "an advertisement without a hardware address means its sender's", world,
      advertised(at: [], options: false, from: Frames.strangerMAC), .virtualAddressConflict),
    PacketPathCase(
      "a solicitation from the virtual address at a stranger's goes up and no further", world,
      Frames.ip(
        to: Frames.solicitedMAC, Frames.neighbour(from: Frames.virtual6, target: Frames.client6, options: [1, 1] + Frames.strangerMAC)),
      .virtualAddressConflict),
  ]
}
