import CLinux
import Glibc
import Wire

/// Hears, without looking closer, that something of the kernel has changed, in the network namespace of the thread that made it.
public final class KernelMonitor {
  /// What is listened to.
  public enum Subject: Sendable {
    /// Interfaces and addresses.
    case interfaces
    /// All by which the kernel routes: routes, rules, next hops, neighbours, addresses, interfaces, and whether it routes at all.
    case routes
    /// The rules of nftables, and of those iptables that are made of them.
    case firewall
  }

  private let socket: Descriptor
  private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 16)
  private let operation: String

  /// Listens from now on.
  public init(_ subject: Subject) throws(LinuxError) {
    operation = "watch the kernel's \(subject)"
    socket = try Descriptor(result: skein_netlink_open(subject.protocolNumber, subject.groups, 0), operation)
  }

  deinit { buffer.deallocate() }

  /// To be watched by a `Poller`.
  public var descriptor: Int32 { socket.rawValue }

  /// Takes all notices that wait.
  /// - Returns: whether there was one, or more of them than there was room for.
  public func receive() throws(LinuxError) -> Bool {
    var hasChanged = false
    while true {
      if recv(socket.rawValue, buffer.baseAddress, buffer.count, 0) >= 0 {
        hasChanged = true
        continue
      }
      let code = Errno.current
      switch code {
      case .wouldBlock: return hasChanged
      case .interrupted: continue
      case .noBuffers: hasChanged = true
      default: throw LinuxError(operation, code)
      }
    }
  }
}

extension KernelMonitor.Subject {
  private static let interfaceGroups = [RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR]
  private static let routeGroups = [
    RTNLGRP_NEIGH, RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV4_RULE, RTNLGRP_IPV6_ROUTE, RTNLGRP_IPV6_RULE, RTNLGRP_IPV4_NETCONF,
    RTNLGRP_IPV6_NETCONF, RTNLGRP_NEXTHOP,
  ]

  fileprivate var protocolNumber: Int32 { self == .firewall ? NETLINK_NETFILTER : NETLINK_ROUTE }

  /// netlink(7): group n is bit n - 1.
  fileprivate var groups: UInt32 {
    let groups: [UInt32] =
      switch self {
      case .interfaces: Self.interfaceGroups.map { UInt32($0.rawValue) }
      case .routes: (Self.interfaceGroups + Self.routeGroups).map { UInt32($0.rawValue) }
      case .firewall: [UInt32(NFNLGRP_NFTABLES.rawValue)]
      }
    return groups.reduce(0) { $0 | 1 << ($1 - 1) }
  }
}
