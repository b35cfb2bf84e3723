import CLinux
import Glibc
import Wire

/// Hears, without looking closer, that something changed by which the kernel routes: routes, rules, next hops, neighbours, addresses,
/// interfaces, and whether it routes at all.
public final class RouteMonitor {
  private let socket: Descriptor
  private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 16)

  /// rtnetlink(7): group n is bit n - 1.
  private static let groups: UInt32 = [
    RTNLGRP_LINK, RTNLGRP_NEIGH, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV4_RULE, RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV6_ROUTE,
    RTNLGRP_IPV6_RULE, RTNLGRP_IPV4_NETCONF, RTNLGRP_IPV6_NETCONF, RTNLGRP_NEXTHOP,
  ].reduce(0) { $0 | 1 << (UInt32($1.rawValue) - 1) }

  public init() throws(LinuxError) { socket = try Descriptor(result: skein_netlink_open(Self.groups, 0), "watch the kernel's routes") }

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
      default: throw LinuxError("watch the kernel's routes", code)
      }
    }
  }
}
