import Linux
import Logging
import Wire

/// Chooses where the packet path runs.
enum Backends {
  /// As configured, or by itself: XDP where it attaches (native, then generic), packet sockets where it does not.
  static func open(_ configuration: Configuration, _ machine: Machine, _ logger: Logger) throws -> any PathBackend {
    let instance = "\(configuration.cluster.name)-\(configuration.cluster.identifier.rawValue)-\(configuration.cluster.member.rawValue)"
    switch configuration.packetPath {
    case .xdp: return try KernelBackend(instance: instance, interface: machine.interface, mode: .native)
    case .xdpGeneric: return try KernelBackend(instance: instance, interface: machine.interface, mode: .generic)
    case .packetSocket: return try SocketBackend(configuration.cluster, machine)
    case .automatic:
      do { return try KernelBackend(instance: instance, interface: machine.interface, mode: .automatic) } catch {
        logger.warning("no XDP here, so the packet path runs on packet sockets, which is slower: \(error)")
        return try SocketBackend(configuration.cluster, machine)
      }
    }
  }
}
