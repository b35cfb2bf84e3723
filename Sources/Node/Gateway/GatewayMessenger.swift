import Crypto
import Foundation
import Gateway
import Linux
import Wire

/// GLBP on the wire: what is sent is framed and authenticated, what comes is taken apart and judged, and what is refused is counted.
struct GatewayMessenger {
  /// nil inside a cluster, whose own messages carry the gateway's.
  let socket: DatagramSocket?
  var counters = Counters()
  private let own: InternetAddress
  private let protection: Protection
  /// Of this run of the daemon: it only grows.
  let incarnation = UInt64(max(0, Date().timeIntervalSince1970) * 1_000_000)
  private var sequence: UInt64 = 0

  private enum Protection {
    case none
    case text([UInt8])
    case key(SymmetricKey)
  }

  /// Messages, by what became of them.
  struct Counters {
    var received: UInt64 = 0
    var hopLimit: UInt64 = 0
    var malformed: UInt64 = 0
    var otherGroup: UInt64 = 0
    var missingAuthentication: UInt64 = 0
    var wrongAuthentication: UInt64 = 0
  }

  /// - Throws: what is wrong with the key, in words, or what the kernel says to the socket.
  init(_ section: GatewaySection, _ machine: GatewayMachine, isInCluster: Bool) throws {
    let own = machine.ownAddress
    let socket =
      isInCluster
      ? nil
      : try DatagramSocket(
        .init(
          interface: section.interface, localAddress: own, port: GlbpTransport.port, group: GlbpTransport.group(own.family),
          hopLimit: GlbpTransport.hopLimit))
    try self.init(section.authentication, own: own, socket: socket)
  }

  /// - Throws: what is wrong with the key, in words.
  init(_ authentication: GatewaySection.Authentication, own: InternetAddress, socket: DatagramSocket?) throws {
    self.own = own
    self.socket = socket
    switch authentication {
    case .none: protection = .none
    case .text(let text): protection = .text(Array(text.utf8))
    case .key(let file): protection = .key(try Self.readKey(file))
    }
  }

  /// At least 16 octets of text; white space at the ends does not count.
  private static func readKey(_ file: String) throws -> SymmetricKey {
    let text: String
    do { text = try String(contentsOfFile: file, encoding: .utf8) } catch {
      throw StartError("gateway.authentication.key: \(file) cannot be read: \(error.localizedDescription)")
    }
    let octets = Array(text.trimmingCharacters(in: .whitespacesAndNewlines).utf8)
    guard octets.count >= 16 else {
      throw StartError(
        "gateway.authentication.key: \(file) has \(octets.count) octets; use at least 16, such as `openssl rand -hex 32` makes")
    }
    return SymmetricKey(data: octets)
  }

  /// A frame with this packet, authenticated, from one of this machine's Ethernet addresses.
  mutating func frame(_ packet: GlbpPacket, from source: EthernetAddress) -> [UInt8] {
    var packet = packet
    var payload: [UInt8]
    switch protection {
    case .none: payload = packet.encode()
    case .text(let secret):
      packet.tlvs.append(.authentication(GlbpAuthentication(method: .text, secret: secret)))
      payload = packet.encode()
    case .key(let key):
      sequence += 1
      packet.tlvs.append(.seal(GlbpSeal(incarnation: incarnation, sequence: sequence)))
      payload = packet.encode()
      payload = GlbpSeal.sealed(payload, with: Array(HMAC<SHA256>.authenticationCode(for: payload, using: key)))
    }
    return GlbpTransport.frame(carrying: payload, from: own, source: source)
  }

  /// A datagram taken apart and judged; nil, and counted, when there is nothing to judge.
  mutating func open(_ payload: [UInt8], from sender: InternetAddress, hopLimit: UInt8, group: UInt16) -> (
    GlbpPacket, GatewayRouter.Envelope
  )? {
    counters.received += 1
    guard hopLimit == GlbpTransport.hopLimit else {
      counters.hopLimit += 1
      return nil
    }
    guard let packet = try? GlbpPacket(decoding: payload[...]) else {
      counters.malformed += 1
      return nil
    }
    guard packet.group == group else {
      counters.otherGroup += 1
      return nil
    }
    let isAuthentic = judge(packet, payload)
    return (
      packet, .init(sender: sender, isAuthentic: isAuthentic, incarnation: packet.seal?.incarnation, sequence: packet.seal?.sequence)
    )
  }

  private mutating func judge(_ packet: GlbpPacket, _ payload: [UInt8]) -> Bool {
    switch protection {
    case .none:
      guard packet.seal != nil || packet.authentication.map({ $0.method != .none }) ?? false else { return true }
      counters.wrongAuthentication += 1
      return false
    case .text(let secret):
      guard let authentication = packet.authentication else { return refuse() }
      if authentication.method == .text, authentication.secret.prefix(while: { $0 != 0 }) == secret[...] { return true }
    case .key(let key):
      guard let seal = packet.seal, case .seal = packet.tlvs.last else { return refuse() }
      let covered = GlbpSeal.authenticatedOctets(of: payload)
      if HMAC<SHA256>.isValidAuthenticationCode(seal.code, authenticating: covered, using: key) { return true }
    }
    counters.wrongAuthentication += 1
    return false
  }

  private mutating func refuse() -> Bool {
    counters.missingAuthentication += 1
    return false
  }
}
