import CPacketPath
import Linux
import PacketPath
import Wire

/// Where would this packet go, and why: the native packet path over the running one's tables, counting nothing.
struct Tracer {
  let tables: PacketTables
  /// The owner of each unit as `skein units` shows it: a member's own tables know which are its own, and not whose the others are.
  let owners: [MemberIdentifier?]
  let shared: EthernetAddress
  let clusterAddress: InternetAddress

  func trace(_ request: TraceRequest) -> TraceReport {
    let frame: [UInt8]
    switch self.frame(request) {
    case .success(let octets): frame = octets
    case .failure(let problem):
      return TraceReport(packet: "", unit: nil, owner: nil, verdict: "", reason: "", why: "", problem: problem.description)
    }
    let packet = (try? CapturedFrame(frame[...])).map { "\($0)" } ?? "a frame of \(frame.count) octets that cannot be taken apart"
    let outcome = NativePacketPath(tables: tables).trace(frame, now: BootClock.now().nanoseconds).outcome
    let unit = outcome.unit == Outcome.noUnit ? nil : Int(outcome.unit)
    let owner = unit.flatMap { owners.indices.contains($0) ? owners[$0].map { Int($0.rawValue) } : nil }
    let forwarder = forwarder(of: frame)
    return TraceReport(
      packet: packet, unit: unit, owner: owner, forwarder: forwarder, verdict: "\(outcome.verdict)", reason: outcome.counter.name,
      why: (forwarder.map { "virtual MAC address of forwarder \($0), \(whose($0)); " } ?? "") + why(outcome.counter), problem: nil)
  }

  /// The gateway's forwarder that a frame is to.
  private func forwarder(of frame: [UInt8]) -> Int? {
    let settings = tables.settings.pointee
    guard settings.flags & UInt64(skein_flag_gateway.rawValue) != 0, let last = frame.prefix(6).last, last != 0 else { return nil }
    let group = withUnsafeBytes(of: settings.virtual_mac) { Array($0.prefix(5)) }
    return frame.starts(with: group) ? Int(last) : nil
  }

  private func whose(_ forwarder: Int) -> String {
    let unit = tables.units[forwarder]
    if unit.mine == UInt8(skein_mine) { return "this machine's" }
    if unit.mine == UInt8(skein_mine_moving) { return "on its way to or from this machine" }
    return unit.owner == UInt16(skein_no_member) ? "nobody's as far as this machine knows" : "another machine's"
  }

  /// The native build has no routes: it cannot say which of the two it would be.
  private func why(_ counter: PacketCounter) -> String {
    let isFast = tables.settings.pointee.flags & UInt64(skein_flag_fast_routing.rawValue) != 0
    guard counter == .routedByKernel, isFast else { return counter.meaning }
    return "routed by the packet path if the kernel's routes give it a known next hop on an Ethernet interface, else by the kernel"
  }

  private func frame(_ request: TraceRequest) -> Result<[UInt8], StartError> {
    guard let text = request.frame else { return made(request) }
    guard let octets = Hexadecimal.octets(of: text.filter { !$0.isWhitespace && $0 != ":" }), octets.count >= 14 else {
      return .failure(StartError("this is not a frame: give at least 14 octets in hexadecimal, the destination MAC address first"))
    }
    return .success(octets)
  }

  private func made(_ request: TraceRequest) -> Result<[UInt8], StartError> {
    guard let source = request.source.flatMap({ InternetAddress(text: $0) }) else {
      return .failure(StartError("say whose packet it is: --source ADDRESS, or the whole frame in hexadecimal"))
    }
    guard let destination = request.destination.map({ InternetAddress(text: $0) }) ?? clusterAddress else {
      return .failure(StartError("“\(request.destination ?? "")” is not an address"))
    }
    guard source.family == destination.family else {
      return .failure(StartError("\(source) and \(destination) are not of one family: say --destination"))
    }
    guard let (number, payload) = payload(request, source, destination) else {
      return .failure(StartError("“\(request.ipProtocol ?? "")” is not a protocol: tcp, udp, icmp, esp, gre or a number"))
    }
    let packet = InternetPacket.encode(
      payload, protocolNumber: InternetProtocol(rawValue: number), from: source, to: destination, hopLimit: 64)
    let header = EthernetHeader(
      destination: shared, source: EthernetAddress(bits: 0x0200_0000_0001), type: source.family == .ipv4 ? .ipv4 : .ipv6)
    return .success(header.frame(carrying: packet))
  }

  private func payload(_ request: TraceRequest, _ source: InternetAddress, _ destination: InternetAddress) -> (UInt8, [UInt8])? {
    let ports = (request.sourcePort ?? 40000, request.destinationPort ?? 80)
    switch request.ipProtocol?.lowercased() ?? "tcp" {
    case "tcp":
      let header = TcpHeader(sourcePort: ports.0, destinationPort: ports.1, sequence: 1, acknowledgement: 0, flags: .syn, window: 65535)
      return (6, header.segment(carrying: [], from: source, to: destination))
    case "udp":
      return (17, UdpHeader(sourcePort: ports.0, destinationPort: ports.1).datagram(carrying: [], from: source, to: destination))
    case let name:
      guard let service = ClusterSection.SourceOnlyService(text: name) else { return nil }
      return (service.ipProtocol, [8, 0, 0, 0, 0, 0, 0, 0])
    }
  }
}
