import Wire

extension GatewayRouter {
  /// Everything that can happen to a gateway. The node feeds them one at a time, in the order in which they happened.
  public enum Event: Sendable {
    /// Begin. Whatever the packet path still holds from the daemon's last run is stopped.
    case start
    /// A message that `Wire` has parsed and `Credentials` has judged.
    case received(GlbpPacket, from: Envelope)
    /// `nextDeadline` has come. Early, late and superfluous ones do no harm.
    case timer
    /// A host asks for the virtual address (ARP, neighbour solicitation): by broadcast or multicast when `forwarder` is nil, else by unicast to
    /// that forwarder's virtual MAC, to confirm what it has.
    case hostAsked(AddressQuery, forwarder: UInt8?)
    /// What the packet path has counted since it was loaded, of the forwarders that this gateway holds. At least every second, please.
    case traffic([UInt8: Volume])
    /// A tracked object went up or down; its place in `Configuration.trackedObjects`.
    case tracked(Int, isUp: Bool)
    /// The configured weight changed.
    case setWeight(UInt8)
    /// `skein drain`, `skein undrain`.
    case drain(Bool)
    /// `skein leave`: give the forwarders away, then say farewell. `Action.stopped` says when.
    case leave
    case carrierLost
    case carrierFound
    /// Somebody else, at this Ethernet address, says that he has this virtual address.
    case conflict(EthernetAddress, InternetAddress)
    /// Inside a cluster: its state, each time that it changes. `owners` are the owners of units 1…255 who have acknowledged.
    case clusterView(isMaster: Bool, members: [ClusterGateway], owners: [UInt8: InternetAddress])
  }

  /// What is known of a message beside its body.
  public struct Envelope: Hashable, Sendable {
    /// The source address.
    public var sender: InternetAddress
    /// The authentication TLV is there and right; or none is configured and none is there; or the cluster's seal opened.
    public var isAuthentic: Bool
    /// Of the authentication TLV, or of the seal: one run of the sender's daemon, and a number that grows with each message of it.
    /// Nil without authentication: then the message is judged by its own member TLV, if it has one.
    public var incarnation: UInt64?
    /// The number of the message within `incarnation`; nil together with it.
    public var sequence: UInt64?

    /// A message from this address; `incarnation` and `sequence` belong together, and are both left out without authentication.
    public init(sender: InternetAddress, isAuthentic: Bool, incarnation: UInt64? = nil, sequence: UInt64? = nil) {
      self.sender = sender
      self.isAuthentic = isAuthentic
      self.incarnation = incarnation
      self.sequence = sequence
    }
  }

  /// Packets and octets, counted since some beginning.
  public struct Volume: Hashable, Sendable {
    /// Frames that were forwarded.
    public var packets: UInt64
    /// Octets of these frames, Ethernet headers included.
    public var octets: UInt64

    /// So many packets of so many octets in all.
    public init(packets: UInt64, octets: UInt64) {
      self.packets = packets
      self.octets = octets
    }
  }

  /// A member of the cluster as a gateway.
  public struct ClusterGateway: Hashable, Sendable {
    /// The member's own address in the LAN, by which its hellos and the map of owners name it.
    public var address: InternetAddress
    /// The member's weight in the cluster, up to 255, for the answers by weight.
    public var weight: UInt8
    /// It drains or leaves, and is given nothing.
    public var isDraining: Bool

    /// A member as the cluster sees it now.
    public init(address: InternetAddress, weight: UInt8, isDraining: Bool) {
      self.address = address
      self.weight = weight
      self.isDraining = isDraining
    }
  }
}
