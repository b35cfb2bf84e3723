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

  // MARK: errors

  private static let segment = [UInt8](repeating: 7, count: 24)
  private static let tooBig: [UInt8] = [0, 0, 0x05, 0x14]

  /// An error that quotes so many octets of a packet.
  private static func error4(from source: [UInt8], to destination: [UInt8], type: UInt8 = 3, code: UInt8 = 4, _ quoted: [UInt8]) -> [UInt8]
  {
    Frames.ipv4(from: source, to: destination, protocol: 1, Frames.icmp(type: type, code: code, tooBig + quoted))
  }
  private static func error6(from source: [UInt8], to destination: [UInt8], _ quoted: [UInt8]) -> [UInt8] {
    var message = [2, 0, 0, 0] + tooBig + quoted
    let sum = Frames.checksum(source + destination + [0, 0] + Frames.big(UInt16(message.count)) + [0, 0, 0, 58] + message)
    message.replaceSubrange(2..<4, with: Frames.big(sum))
    return Frames.ipv6(from: source, to: destination, protocol: 58, message)
  }

  /// From a router before the client, about the answer of the server: what it saw, and what the server is told.
  private static func aboutAnswer4(quoting count: Int) -> Step {
    let sent = answered4(flags: ack, segment)
    let own = answer4(flags: ack, hopLimit: 63, segment)
    return Step(
      Frames.ip(error4(from: Frames.far4, to: Frames.cluster4, Array(sent.prefix(count)))), .serviceByKernel,
      result: byKernel(error4(from: Frames.far4, to: Frames.server4, Array(own.prefix(count)))))
  }
  /// About what a client has sent, as the server got it: by the server itself, or by a router before it.
  private static func aboutRequest4(from reporter: [UInt8], as told: [UInt8], quoting count: Int) -> Step {
    let sent = requested4(flags: ack, segment)
    let own = request4(flags: ack, hopLimit: 63, segment)
    return Step(
      fromServer(error4(from: reporter, to: Frames.client4, code: 3, Array(sent.prefix(count)))), .serviceByKernel,
      result: byKernel(error4(from: told, to: Frames.client4, code: 3, Array(own.prefix(count))), from: Frames.serverMAC))
  }
  private static let datagram = Frames.checked(Frames.ipv4(to: Frames.server4, protocol: 17, hopLimit: 63, Frames.udp()))
  private static let ownDatagram = Frames.checked(Frames.ipv4(protocol: 17, hopLimit: 63, Frames.udp()))
  private static let sent6 = Frames.checked(
    Frames.ipv6(from: Frames.cluster6, to: Frames.client6, protocol: 6, Frames.tcp(from: 80, to: 40000, flags: 16, segment)))
  private static let own6 = Frames.checked(
    Frames.ipv6(from: Frames.server6, to: Frames.client6, protocol: 6, Frames.tcp(from: 8080, to: 40000, flags: 16, segment)))

  private static let errors: [PacketPathCase] = [
    PacketPathCase(
      "an error about an answer reaches the server, with its own addresses", world, [opening, acceptance, aboutAnswer4(quoting: 64)]),
    PacketPathCase("though it quotes no more than the ports", world, [opening, aboutAnswer4(quoting: 28)]),
    PacketPathCase("though the flow is not remembered", world, [aboutAnswer4(quoting: 40)]),
    PacketPathCase(
      "a server's error reaches the client from the virtual server", world,
      [
        opening, aboutRequest4(from: Frames.server4, as: Frames.cluster4, quoting: 64),
      ]),
    PacketPathCase(
      "a router's error about a client's packet stays the router's", world,
      [
        opening, aboutRequest4(from: Frames.far4, as: Frames.far4, quoting: 28),
      ]),
    PacketPathCase(
      "a server's error about a datagram reaches the client", world,
      fromServer(error4(from: Frames.server4, to: Frames.client4, code: 3, datagram)), .serviceByKernel,
      result: byKernel(error4(from: Frames.cluster4, to: Frames.client4, code: 3, ownDatagram), from: Frames.serverMAC)),
    PacketPathCase(
      "an error about an IPv6 answer reaches the server", world, Frames.ip(error6(from: Frames.far6, to: Frames.cluster6, sent6)),
      .serviceByKernel, result: byKernel(error6(from: Frames.far6, to: Frames.server6, own6))),
    PacketPathCase(
      "a server's error to another's client is dropped", World(units: .acknowledged, services: .there),
      fromServer(error4(from: Frames.server4, to: Frames.client4, code: 3, datagram)), .notMine),
    takes(
      "an error about what is no virtual server's is the stack's",
      Frames.ip(
        error4(
          from: Frames.far4, to: Frames.cluster4,
          Frames.ipv4(from: Frames.cluster4, to: Frames.client4, protocol: 6, Frames.tcp(from: 81, to: 4)))),
      world),
  ]

  /// Virtual servers (specification 3; NAT with the source kept).
  static let virtualServers: [PacketPathCase] =
    errors + [
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
            fromServer(
              Frames.checked(Frames.ipv4(from: Frames.server4, to: Frames.client4, protocol: 17, Frames.udp(from: 53, to: 40000)))),
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
      PacketPathCase(
        "a server's answer with options goes to no client", world,
        fromServer(
          Frames.ipv4(
            from: Frames.server4, to: Frames.client4, protocol: 6, options: [1, 1, 1, 0], Frames.tcp(from: 8080, to: 40000, flags: 16))),
        .serviceNotPlain),
      PacketPathCase(
        "what a server answers this machine itself is the stack's, whoever has its unit", World(units: .acknowledged, services: .there),
        Frames.ip(
          to: Frames.ownMAC, from: Frames.serverMAC,
          Frames.ipv4(from: Frames.server4, to: Frames.own4, protocol: 6, Frames.tcp(from: 8080, to: 40000, flags: 18))), .ownAddress),
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
