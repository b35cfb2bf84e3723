import Foundation
import Gateway
import Linux
import Wire

/// Tells an IPFIX collector what was forwarded for each virtual MAC address, and which gateway took which.
struct TrafficExporter {
  /// Records sent, and datagrams that could not be.
  private(set) var exported: UInt64 = 0
  private(set) var failures: UInt64 = 0
  private let sender: DatagramSender
  private let interval: Interval
  private let own: InternetAddress
  private let group: UInt16
  private var exporter: IpfixExporter
  private var told: [UInt8: GatewayRouter.Volume]
  private var since = TrafficExporter.milliseconds
  private var next: Instant

  /// - Parameter counted: what the packet path has counted already, which an earlier daemon has told.
  init(_ export: GatewaySection.Export, group: UInt16, own: InternetAddress, counted: [UInt8: GatewayRouter.Volume]) throws {
    guard let address = InternetAddress(text: export.collector.host), let port = UInt16(exactly: export.collector.port) else {
      throw StartError("gateway.export.collector: “\(export.collector.host)” is not an address; name the collector by its address")
    }
    sender = try DatagramSender(to: address, port: port)
    interval = export.interval
    self.own = own
    self.group = group
    exporter = IpfixExporter(observationDomain: UInt32(group))
    told = counted
    next = BootClock.now() + export.interval
  }

  /// Tells what was counted since the last time, when it is time or `isLast`.
  mutating func export(_ volumes: [UInt8: GatewayRouter.Volume], at now: Instant, isLast: Bool = false) {
    guard now >= next || isLast else { return }
    next = now + interval
    let end = Self.milliseconds
    let records = volumes.sorted { $0.key < $1.key }.compactMap { number, volume -> ForwarderTrafficRecord? in
      let old = told[number] ?? .init(packets: 0, octets: 0)
      guard volume.packets != old.packets else { return nil }
      return ForwarderTrafficRecord(
        virtualEthernet: .virtual(group: group, forwarder: number), octets: volume.octets &- old.octets,
        packets: volume.packets &- old.packets, startMilliseconds: since, endMilliseconds: end)
    }
    told.merge(volumes) { $1 }
    since = end
    send(exporter.messages(records, at: UInt32(truncatingIfNeeded: end / 1000)), count: records.count)
  }

  /// Tells that a forwarder came or went.
  mutating func take(_ report: GatewayRouter.Report) {
    guard let (number, gateway) = report.forwarderAndGateway(own: own) else { return }
    let now = Self.milliseconds
    let record = ForwarderEventRecord(
      milliseconds: now, virtualEthernet: .virtual(group: group, forwarder: number), gateway: gateway, event: Event(reporting: report).text)
    send(exporter.messages([record], at: UInt32(truncatingIfNeeded: now / 1000)), count: 1)
  }

  private mutating func send(_ messages: [[UInt8]], count: Int) {
    for message in messages {
      do { try sender.send(message) } catch { failures += 1 }
    }
    exported += UInt64(count)
  }

  private static var milliseconds: UInt64 { UInt64(max(0, Date().timeIntervalSince1970) * 1000) }
}

extension GatewayRouter.Report {
  /// The forwarder that the report is about, and the gateway that has it now.
  fileprivate func forwarderAndGateway(own: InternetAddress) -> (UInt8, InternetAddress)? {
    switch self {
    case .assigned(let number, let gateway, _): (number, gateway)
    case .forwarding(let number), .stoppedForwarding(let number, _), .redirectEnded(let number), .retired(let number): (number, own)
    case .state, .activeGateway, .gatewayFound, .gatewayLost, .weight, .draining, .conflict, .leaseLapsed, .carrierLost, .carrierFound: nil
    }
  }
}
