import CPacketPath
import Foundation
import Gateway
import Host
import Linux
import PacketPath
import Wire

extension GatewayDaemon: Controllable {
  func status() async -> StatusReport? { nil }
  func units() async -> UnitsReport? { nil }
  func gatewayReport() async -> GatewayReport? { gateway.report(events: events.latest) }
  func gatewayClients(limit: Int) async -> GatewayClientsReport? { gateway.clients(limit: limit) }
  func gatewayPlan() async -> GatewayMovesReport? { gateway.plan }

  func counters() async -> CountersReport {
    CountersReport(
      counters: backend.tables.counterReports + held.counterReports + gateway.counters
        + [MachineChanges.counterReport(gateway.machine.changes.disturbanceCount)] + LineWriter.standardError.counterReports,
      leaseMilliseconds: (backend.tables.leaseDeadline - BootClock.now()).inMilliseconds)
  }

  func events(after number: UInt64, waitingSeconds seconds: Double) async -> EventsReport {
    let deadline = BootClock.now() + .milliseconds(UInt64(seconds * 1000))
    while events.newest <= number, BootClock.now() < deadline {
      await withCheckedContinuation { events.wait($0) }
    }
    return EventsReport(events: events.after(number))
  }

  func drain(_ on: Bool) async -> CommandReport {
    order(.drain(on), by: Daemon.operatorActor)
    guard on else { return CommandReport(done: true, text: "this gateway takes forwarders again") }
    for _ in 0..<600 where !gateway.router.snapshot(at: BootClock.now()).isDrained { try? await Task.sleep(for: .milliseconds(100)) }
    let isDrained = gateway.router.snapshot(at: BootClock.now()).isDrained
    return CommandReport(
      done: isDrained,
      text: isDrained
        ? "drained: this gateway forwards nothing, and stays in the group"
        : "not drained after 60 s; is there another gateway to take over?")
  }

  func leave() async -> CommandReport {
    await leaves()
    return CommandReport(
      done: true, text: "left: the other gateways have its virtual MAC addresses. `systemctl stop skein` ends the daemon")
  }

  func expel(_ member: Int) async -> CommandReport {
    CommandReport(done: false, text: "a group that stands alone has no members to expel; inside a cluster it has")
  }

  func reload() async -> CommandReport { reloadNow(by: Daemon.operatorActor) }

  func trace(_ request: TraceRequest) async -> TraceReport {
    Tracer(tables: backend.tables, owners: [], shared: gateway.ethernetAddress, clusterAddress: section.addresses[0]).trace(request)
  }
}
