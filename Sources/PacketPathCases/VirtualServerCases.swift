import CPacketPath
import PacketPath

extension PacketPathCase {
  private static let world = World(services: .there)
  private static let syn: UInt8 = 2
  private static let ack: UInt8 = 16
  private static let synAck: UInt8 = 18

  /// From the client to the virtual server, and what the real server gets; checksums are made here, not adjusted.
  private static func request4(flags: UInt8 = 2, hopLimit: UInt8 = 64, _ payload: [UInt8] = []) -> [UInt8] {
    Frames.checked(Frames.ipv4(protocol: 6, hopLimit: hopLimit, Frames.tcp(flags: flags, payload)))
  }
  private static func requested4(flags: UInt8 = 2, hopLimit: UInt8 = 63, _ payload: [UInt8] = []) -> [UInt8] {
    Frames.checked(Frames.ipv4(to: Frames.server4, protocol: 6, hopLimit: hopLimit, Frames.tcp(to: 8080, flags: flags, payload)))
  }
  private static func answer4(flags: UInt8, hopLimit: UInt8 = 64, _ payload: [UInt8] = []) -> [UInt8] {
    Frames.checked(
      Frames.ipv4(
        from: Frames.server4, to: Frames.client4, protocol: 6, hopLimit: hopLimit, Frames.tcp(from: 8080, to: 40000, flags: flags, payload))
    )
  }
  private static func answered4(flags: UInt8, hopLimit: UInt8 = 63, _ payload: [UInt8] = []) -> [UInt8] {
    Frames.checked(
      Frames.ipv4(
        from: Frames.cluster4, to: Frames.client4, protocol: 6, hopLimit: hopLimit, Frames.tcp(from: 80, to: 40000, flags: flags, payload)))
  }
  private static func toServer(_ packet: [UInt8]) -> [UInt8] { Frames.ip(to: Frames.serverMAC, from: Frames.ownMAC, packet) }
  private static func fromServer(_ packet: [UInt8]) -> [UInt8] { Frames.ip(from: Frames.serverMAC, packet) }
  private static func toClient(_ packet: [UInt8]) -> [UInt8] { Frames.ip(to: Frames.clientMAC, from: Frames.ownMAC, packet) }
  /// To the kernel's stack, translated.
  private static func byKernel(_ packet: [UInt8], from station: [UInt8] = Frames.clientMAC) -> [UInt8] {
    Frames.ip(to: Frames.ownMAC, from: station, packet)
  }

  private static let opening = Step(Frames.ip(request4()), .serviceToServer, result: toServer(requested4()))
  private static let acceptance = Step(
    fromServer(answer4(flags: synAck)), .serviceToClient, result: toClient(answered4(flags: synAck)))

  private static let synAck6 = Frames.checked(
    Frames.ipv6(from: Frames.server6, to: Frames.client6, protocol: 6, Frames.tcp(from: 8080, to: 40000, flags: 18)))
  private static let options4 = Frames.ip(Frames.ipv4(protocol: 6, options: [1, 1, 1, 0], Frames.tcp()))

  /// Virtual servers (specification 3; NAT with the source kept).
  static let virtualServers: [PacketPathCase] = [
    PacketPathCase(
      "a client's connection goes to the server and its answer back", world,
      [
        opening, acceptance,
        Step(Frames.ip(request4(flags: ack, [7, 8, 9])), .serviceToServer, result: toServer(requested4(flags: ack, [7, 8, 9]))),
        Step(fromServer(answer4(flags: ack, [1])), .serviceToClient, result: toClient(answered4(flags: ack, [1]))),
      ]),
    PacketPathCase(
      "the same by IPv6", world,
      [
        Step(
          Frames.ip(Frames.checked(Frames.ipv6(protocol: 6, Frames.tcp()))), .serviceToServer,
          result: toServer(Frames.checked(Frames.ipv6(to: Frames.server6, protocol: 6, hopLimit: 63, Frames.tcp(to: 8080))))),
        Step(
          fromServer(synAck6), .serviceToClient,
          result: toClient(
            Frames.checked(
              Frames.ipv6(
                from: Frames.cluster6, to: Frames.client6, protocol: 6, hopLimit: 63, Frames.tcp(from: 80, to: 40000, flags: 18))))),
      ]),
    PacketPathCase(
      "a datagram goes to the server and its answer back", world,
      [
        Step(
          Frames.ip(Frames.checked(Frames.ipv4(protocol: 17, Frames.udp()))), .serviceToServer,
          result: toServer(Frames.checked(Frames.ipv4(to: Frames.server4, protocol: 17, hopLimit: 63, Frames.udp())))),
        Step(
          fromServer(Frames.checked(Frames.ipv4(from: Frames.server4, to: Frames.client4, protocol: 17, Frames.udp(from: 53, to: 40000)))),
          .serviceToClient,
          result: toClient(
            Frames.checked(
              Frames.ipv4(from: Frames.cluster4, to: Frames.client4, protocol: 17, hopLimit: 63, Frames.udp(from: 53, to: 40000))))),
      ]),
    PacketPathCase(
      "a datagram without a checksum keeps none", world, Frames.ip(Frames.ipv4(protocol: 17, Frames.udp())), .serviceToServer,
      result: toServer(Frames.ipv4(to: Frames.server4, protocol: 17, hopLimit: 63, Frames.udp()))),
    PacketPathCase(
      "a client's segment that takes up a connection goes by its hash", world,
      [
        Step(Frames.ip(request4(flags: ack)), .serviceToServer, result: toServer(requested4(flags: ack)))
      ]),
    PacketPathCase(
      "an answer that is not remembered is its client's by the hash, and finds its way by the kernel", world,
      fromServer(answer4(flags: ack)), .serviceByKernel, result: byKernel(answered4(flags: ack, hopLimit: 64), from: Frames.serverMAC)),
    PacketPathCase(
      "a server begins no connection from the virtual server's address", world, fromServer(answer4(flags: synAck)), .serviceUnknown),
    PacketPathCase(
      "while its hardware address is unknown a server is the kernel's to find", World(services: .unresolved), Frames.ip(request4()),
      .serviceByKernel, result: byKernel(requested4(hopLimit: 64))),
    PacketPathCase(
      "the last hop to a server is the kernel's to explain", world, Frames.ip(request4(hopLimit: 1)), .serviceByKernel,
      result: byKernel(requested4(hopLimit: 1))),
    PacketPathCase("without a server nothing is sent on", World(services: .withoutServers), Frames.ip(request4()), .serviceNoServer),
    PacketPathCase(
      "without room a client goes by its hash", World(services: .withoutFlows), Frames.ip(request4()), .serviceUnrecorded,
      result: toServer(requested4())),
    PacketPathCase(
      "what is being decided elsewhere waits for its repetition", World(services: .deciding), Frames.ip(request4()), .serviceBusy),
    PacketPathCase("what has options goes to no server, nor to the stack", world, options4, .serviceNotPlain),
    takes("another port is the stack's", Frames.ip(Frames.ipv4(protocol: 6, Frames.tcp(to: 81))), world),
    takes("another protocol is the stack's", Frames.ip(Frames.ipv4(protocol: 17, Frames.udp(to: 80))), world),
    PacketPathCase(
      "a client of another's unit is dropped", World(units: .acknowledged, services: .there), Frames.ip(request4()), .notMine),
    PacketPathCase(
      "an answer to a client of another's unit is dropped", World(units: .acknowledged, services: .there),
      fromServer(answer4(flags: ack)), .notMine),
    PacketPathCase(
      "an answer without a lease is dropped", World(hasLease: false, services: .there), fromServer(answer4(flags: ack)), .leaseExpired),
    PacketPathCase(
      "an answer to a client of nobody's unit is held by the master",
      World(flags: World.master(skein_flag_hold), units: .unassigned, services: .there), fromServer(answer4(flags: ack)), .unassigned),
    PacketPathCase(
      "what a server sends from another port is router work that nobody asked for", world,
      fromServer(Frames.ipv4(from: Frames.server4, to: Frames.client4, protocol: 6, Frames.tcp(from: 22, to: 40000))), .foreign),
    PacketPathCase(
      "a client that takes its port again begins anew", world,
      [
        opening, acceptance,
        Step(Frames.ip(request4(flags: ack)), .serviceToServer, result: toServer(requested4(flags: ack))),
        Step(Frames.ip(request4(flags: 17)), .serviceToServer, result: toServer(requested4(flags: 17))),
        Step(fromServer(answer4(flags: 17)), .serviceToClient, result: toClient(answered4(flags: 17))),
        opening, acceptance,
      ]),
  ]
}
