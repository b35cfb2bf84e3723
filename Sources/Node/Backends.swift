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
  /// As configured, or by itself: XDP where it attaches (native, then generic), packet sockets where it does not.
  static func open(_ choice: Configuration.PacketPathChoice, _ place: PathPlace, _ logger: Logger) throws -> any PathBackend {
    switch choice {
    case .xdp: return try KernelBackend(instance: place.instance, interface: place.interface, mode: .native, logger: logger)
    case .xdpGeneric: return try KernelBackend(instance: place.instance, interface: place.interface, mode: .generic, logger: logger)
    case .packetSocket: return try SocketBackend(place)
    case .automatic:
      do {
        return try KernelBackend(instance: place.instance, interface: place.interface, mode: mode(for: place.interface), logger: logger)
      } catch {
        logger.warning("no XDP here, so the packet path runs on packet sockets, which is slower: \(error)")
        return try SocketBackend(place)
      }
    }
  }

  /// What a daemon's pins are named after: `/sys/fs/bpf/skein/<instance>`.
  static func instance(of configuration: Configuration) -> String {
    if let cluster = configuration.cluster { return PathPlace.instance(of: cluster) }
    return configuration.gateway.map(PathPlace.instance) ?? ""
  }

  /// A virtual Ethernet pair keeps, through native XDP, the packet type that it gave a frame to the shared MAC address on arrival, and TCP
  /// then refuses it; and what native XDP sends back arrives only if the other end has an XDP program. Generic XDP has neither trouble.
  private static func mode(for interface: NetworkInterface) -> XDPMode {
    (try? Ethtool.driver(of: interface.name)) == "veth" ? .generic : .automatic
  }
}
