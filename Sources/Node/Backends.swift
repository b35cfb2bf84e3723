import Linux
import Logging
import Wire

/// Chooses where the packet path runs.
enum Backends {
  /// As configured, or by itself: XDP where it attaches (native, then generic), packet sockets where it does not.
  static func open(_ configuration: Configuration, _ machine: Machine, _ logger: Logger) throws -> any PathBackend {
    let instance = instance(of: configuration)
    switch configuration.packetPath {
    case .xdp: return try KernelBackend(instance: instance, interface: machine.interface, mode: .native, logger: logger)
    case .xdpGeneric: return try KernelBackend(instance: instance, interface: machine.interface, mode: .generic, logger: logger)
    case .packetSocket: return try SocketBackend(configuration.cluster, machine)
    case .automatic:
      do {
        return try KernelBackend(instance: instance, interface: machine.interface, mode: mode(for: machine.interface), logger: logger)
      } catch {
        logger.warning("no XDP here, so the packet path runs on packet sockets, which is slower: \(error)")
        return try SocketBackend(configuration.cluster, machine)
      }
    }
  }

  /// What a daemon's pins are named after: `/sys/fs/bpf/skein/<instance>`.
  static func instance(of configuration: Configuration) -> String {
    "\(configuration.cluster.name)-\(configuration.cluster.identifier.rawValue)-\(configuration.cluster.member.rawValue)"
  }

  /// A virtual Ethernet pair keeps, through native XDP, the packet type that it gave a frame to the shared MAC address on arrival, and TCP
  /// then refuses it; and what native XDP sends back arrives only if the other end has an XDP program. Generic XDP has neither trouble.
  private static func mode(for interface: NetworkInterface) -> XDPMode {
    (try? Ethtool.driver(of: interface.name)) == "veth" ? .generic : .automatic
  }
}
