import Cluster
import Gateway
import Host
import Wire

// The virtual gateway inside the cluster: each machine's host has a router beside its member. Virtual MAC address f is work unit f, so the
// checker's rule for units covers it: at no instant do two machines forward for one.
extension World {
  /// So often the packet path's counters are read.
  private static let measuringInterval: UInt64 = 1_000_000_000

  func makeGateway(_ profile: MemberProfile) -> GatewayAppliance? {
    guard options.hasGateway else { return nil }
    var configuration = GatewayRouter.Configuration(
      group: GatewayWorld.group, address: profile.address, ethernetAddress: profile.ethernetAddress, incarnation: time + 1,
      virtualAddresses: [GatewayWorld.virtualAddress])
    configuration.mode = .cluster
    configuration.forwarderPreemptDelay = .seconds(1)
    configuration.steering.method = .moves
    configuration.steering.window = .seconds(1)
    configuration.steering.timeBetweenMoves = .seconds(2)
    configuration.measurementWindow = .seconds(1)
    return GatewayAppliance(configuration)
  }

  mutating func startGateway(_ index: Int) {
    guard options.hasGateway else { return }
    handle(.gateway(.start), index)
    queue.add(.measure, at: time + Self.measuringInterval, machine: index, value: machines[index].gatewayRun)
  }

  /// The traffic of a virtual MAC address is another every ten seconds, so that the plan has something to move.
  mutating func measureGateway(_ run: UInt32, _ index: Int) {
    guard machines[index].gatewayRun == run, machines[index].process != .dead else { return }
    queue.add(.measure, at: time + Self.measuringInterval, machine: index, value: run)
    guard machines[index].process == .running else { return }
    let settlesAt = options.duration.nanoseconds - min(options.duration.nanoseconds, options.settling.nanoseconds)
    let epoch = min(time, settlesAt) / 10_000_000_000
    var volumes: [UInt8: GatewayRouter.Volume] = [:]
    for forwarder in UInt8(1)...UInt8.max where machines[index].path.mine.contains(Int(forwarder)) {
      let rate = (UInt64(forwarder) * 7919 + epoch * 104_729) % 1000
      volumes[forwarder] = .init(packets: rate * (time / 1_000_000_000), octets: rate * 100 * (time / 1_000_000_000))
    }
    handle(.gateway(.traffic(volumes)), index)
  }
}
