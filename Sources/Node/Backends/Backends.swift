import CPacketPath
import Linux
import Logging
import Wire

/// What a packet path must know of its place before it is made.
struct PathPlace {
  /// Names what is pinned; another for each daemon of a machine.
  var instance: String
  var interface: NetworkInterface
  /// What the kernel's own stack must not see where the packet path runs on packet sockets.
  var guarded: [InternetAddress]
  /// The MAC addresses beside the interface's own that the machine must hear, where the packet path runs on packet sockets.
  var heard: [PacketSocket.Membership]
  /// Numbers the TAP device.
  var number: UInt16
  /// How many flows the packet path remembers, and so on.
  var sizes = KernelProgram.leastSizes

  /// Of the packet path's tables, under a configuration.
  static func sizes(_ configuration: Configuration) -> skein_sizes {
    var sizes = KernelProgram.leastSizes
    guard !configuration.services.isEmpty else { return sizes }
    sizes.flows = UInt32(configuration.flowLimit)
    // Half full when every line is used: a key then finds a place in one of its two buckets.
    sizes.flow_buckets = 1
    while Int(sizes.flow_buckets) * Int(skein_flow_slot_count) < 2 * configuration.flowLimit { sizes.flow_buckets *= 2 }
    sizes.choice_blocks = 1_024
    return sizes
  }

  static func instance(of section: ClusterSection) -> String {
    "\(section.name)-\(section.identifier.rawValue)-\(section.member.rawValue)"
  }
  static func instance(of section: GatewaySection) -> String { "gateway-\(section.interface)-\(section.group)" }

  /// A cluster's member.
  init(_ section: ClusterSection, _ machine: Machine, gateway: GatewaySection?) {
    instance = Self.instance(of: section)
    interface = machine.interface
    guarded = section.addresses.map(\.address) + (gateway?.addresses ?? [])
    heard =
      machine.sharedAddress == machine.interface.ethernetAddress
      ? [] : [section.delivery == .multicast ? .multicast(machine.sharedAddress) : .unicast(machine.sharedAddress)]
    number = section.identifier.rawValue
  }

  /// A gateway of a group that stands alone.
  init(_ section: GatewaySection, _ machine: GatewayMachine) {
    instance = Self.instance(of: section)
    interface = machine.interface
    guarded = section.addresses
    heard = []
    number = section.group
  }
}

/// Chooses where the packet path runs.
enum Backends {
  /// As configured, or by itself: XDP where it loads and attaches (native, then generic), packet sockets where it does not.
  /// - Throws: when what is configured cannot be had, with the verifier's last lines if it was the verifier.
  static func open(_ wanted: Configuration.PacketPathChoice, _ place: PathPlace, _ logger: Logger) throws -> any PathBackend {
    switch wanted {
    case .xdp: return try KernelBackend(place, mode: .native, asConfigured(wanted, "xdp"), logger)
    case .xdpGeneric: return try KernelBackend(place, mode: .generic, asConfigured(wanted, "xdp-generic"), logger)
    case .packetSocket: return try SocketBackend(place, asConfigured(wanted, "packet-socket"))
    case .automatic:
      let (mode, choice) = best(for: place.interface)
      do { return try KernelBackend(place, mode: mode, choice, logger) } catch {
        let fallback = withoutXDP(error)
        logger.warning("\(fallback.reason) \(fallback.cost)\(error.detail.map { "\n\($0)" } ?? "")")
        return try SocketBackend(place, fallback)
      }
    }
  }

  private static func asConfigured(_ wanted: Configuration.PacketPathChoice, _ running: String) -> PathChoice {
    PathChoice(wanted: wanted, running: running, reason: "The configuration says so.")
  }

  /// What `automatic` has when XDP was refused.
  static func withoutXDP(_ refusal: LinuxError) -> PathChoice {
    let advice = refusal.advice.map { "; \($0)" } ?? ""
    let reason = "This kernel does not run the packet path as XDP: cannot \(refusal.operation): \(refusal.code)\(advice)"
    return PathChoice(wanted: .automatic, running: "packet-socket", reason: reason.sentence, refusal: refusal)
  }

  /// A virtual Ethernet pair keeps, through native XDP, the packet type that it gave a frame to the shared MAC address on arrival, and TCP
  /// then refuses it; and what native XDP sends back arrives only if the other end has an XDP program. Generic XDP has neither trouble.
  private static func best(for interface: NetworkInterface) -> (XDPMode, PathChoice) {
    if (try? Ethtool.driver(of: interface.name)) == "veth" {
      return (.generic, PathChoice(wanted: .automatic, running: "xdp-generic", reason: "\(interface.name) is one end of a virtual pair."))
    }
    return (.automatic, PathChoice(wanted: .automatic, running: "xdp", reason: "The driver of \(interface.name) has XDP."))
  }

  /// What a daemon's pins are named after: `/sys/fs/bpf/skein/<instance>`.
  static func instance(of configuration: Configuration) -> String {
    if let cluster = configuration.cluster { return PathPlace.instance(of: cluster) }
    return configuration.gateway.map(PathPlace.instance) ?? ""
  }
}
