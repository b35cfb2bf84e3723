import CPacketPath
import Gateway
import Linux
import Logging
import Wire

extension GatewayRunner {
  // MARK: messages

  func readDatagrams() {
    guard let socket = messenger.socket else { return }
    var datagrams: [(bytes: [UInt8], source: InternetAddress, hopLimit: UInt8)] = []
    do {
      try socket.receive { datagram in
        datagrams.append((datagram.isTruncated ? [] : Array(datagram.bytes), datagram.source.address, datagram.hopLimit))
      }
    } catch { logger.debug("receiving failed: \(error)") }
    for (bytes, source, hopLimit) in datagrams {
      if let (packet, envelope) = messenger.open(bytes, from: source, hopLimit: hopLimit, group: section.group) {
        handle(.received(packet, from: envelope))
      }
    }
  }

  /// Inside a cluster: what another member's gateway says, its seal opened.
  func receive(_ payload: [UInt8], from sender: InternetAddress, incarnation: UInt64, sequence: UInt64) {
    messenger.counters.received += 1
    guard let packet = try? GlbpPacket(decoding: payload[...]), packet.group == section.group else {
      messenger.counters.malformed += 1
      return
    }
    handle(.received(packet, from: .init(sender: sender, isAuthentic: true, incarnation: incarnation, sequence: sequence)))
  }

  // MARK: the hosts

  /// ARP or a neighbour solicitation for a virtual address, sent up by the packet path.
  func hostAsked(_ frame: UnsafeRawBufferPointer, forwarder: UInt8?) {
    questions.heard += 1
    let octets = Array(frame)
    guard let query = (try? AddressQuery.find(in: octets[...])) ?? nil, section.addresses.contains(query.asked) else {
      questions.malformed += 1
      return
    }
    question = query
    handle(.hostAsked(GatewayHost(ethernet: query.askerEthernet, address: query.asker), forwarder: forwarder))
    question = nil
  }

  /// Somebody says that a virtual address is its own.
  func heardConflict(_ frame: UnsafeRawBufferPointer) {
    let octets = Array(frame)
    guard let captured = try? CapturedFrame(octets[...]) else {
      questions.malformed += 1
      return
    }
    let family: InternetFamily = if case .arp = captured.content { .ipv4 } else { .ipv6 }
    guard let address = section.addresses.first(where: { $0.family == family }) else { return }
    handle(.conflict(captured.ethernet.source, address))
  }

  // MARK: time

  /// Once a second: what was forwarded, and what is tracked.
  func measure(at now: Instant) {
    followRules(at: now)
    let volumes = backend.tables.volumes
    handle(.traffic(volumes))
    for change in tracked.look() { handle(.tracked(change.index, isUp: change.isUp)) }
    exporter?.export(volumes, at: now)
  }

  /// A tracked command's result.
  func take(_ index: Int, succeeded: Bool) {
    if let change = tracked.take(index, succeeded: succeeded) { handle(.tracked(change.index, isUp: change.isUp)) }
  }
}
