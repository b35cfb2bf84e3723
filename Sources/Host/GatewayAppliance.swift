public import Gateway
import Wire

/// A virtual gateway's router on one machine: its decision maker, and what is known of it beside. Belongs to an `ApplianceHost`.
public struct GatewayAppliance: Sendable {
  /// The decision maker.
  public internal(set) var router: GatewayRouter
  /// What became of the hosts' questions, and of messages.
  public internal(set) var counters = Counters()
  /// The forwarders whose virtual MAC addresses the interface hears.
  var heard: Set<UInt8> = []
  /// Inside a cluster: what the router was told of it last, and whether there may be news.
  var told: ClusterView?
  var isViewOld = false

  /// A router that waits for `GatewayRouter.Event.start`.
  public init(_ configuration: GatewayRouter.Configuration) { router = GatewayRouter(configuration: configuration) }

  /// Questions and messages, by what became of them.
  public struct Counters: Sendable {
    /// Questions that the packet path sent up.
    public internal(set) var questions: UInt64 = 0
    /// One more for each question that was answered, and one less again when the kernel does not take the answer.
    public internal(set) var answered: UInt64 = 0
    /// Answers and corrections that the kernel did not take.
    public internal(set) var answersUnsent: UInt64 = 0
    /// Frames sent up as questions that were none on a second look.
    public internal(set) var questionsMalformed: UInt64 = 0
    /// Messages of other members' gateways, and those that were none of the group's.
    public internal(set) var received: UInt64 = 0
    /// One more for each of those messages that cannot be read or is of another group.
    public internal(set) var malformed: UInt64 = 0
    /// Hellos, and frames for the switches, that the kernel did not take.
    public internal(set) var unsent: UInt64 = 0

    mutating func countUnsent(_ purpose: ApplianceHost.Purpose) {
      switch purpose {
      case .answer:
        answered -= 1
        answersUnsent += 1
      case .correction: answersUnsent += 1
      case .held, .whereabouts, .hello: unsent += 1
      }
    }
  }

  /// A cluster as its gateway's router needs it.
  struct ClusterView: Equatable, Sendable {
    var isMaster: Bool
    var members: [GatewayRouter.ClusterGateway]
    /// Of units 1 to 255, those whose owners have acknowledged.
    var owners: [UInt8: InternetAddress]
  }

  var group: UInt16 { router.configuration.group }
  var isAlone: Bool { router.configuration.mode == .alone }

  /// A forwarder's virtual MAC address.
  func ethernet(of forwarder: UInt8) -> EthernetAddress { .virtual(group: group, forwarder: forwarder) }

  /// The frame that answers a host's question. It leaves from this machine's own MAC address: switches must not learn the virtual one here.
  func answer(_ query: AddressQuery, with forwarder: UInt8) -> [UInt8] {
    query.answer(at: ethernet(of: forwarder), from: router.configuration.ethernetAddress, isRouter: true)
  }

  /// The frame that tells a host anew where its gateway is; nil where there is no virtual address of its family.
  func correction(to host: GatewayHost, with forwarder: UInt8) -> [UInt8]? {
    guard let address = virtualAddress(host.address.family) else { return nil }
    let announcement = AddressAnnouncement(
      address: address, ethernet: ethernet(of: forwarder), source: router.configuration.ethernetAddress, isRouter: true)
    return announcement.frame(to: host.address, at: host.ethernet)
  }

  /// The virtual address of that family.
  func virtualAddress(_ family: InternetFamily) -> InternetAddress? {
    router.configuration.virtualAddresses.first { $0.family == family }
  }
}
