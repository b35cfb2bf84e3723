import CLinux
import Glibc

/// A chain of nftables that packets pass by itself, since it hangs on a hook of the kernel.
public struct FirewallChain: Hashable, Sendable {
  /// Where in a packet's way it hangs.
  public enum Hook: String, Hashable, Sendable {
    case ingress, prerouting, input, forward, output, postrouting, egress
  }

  /// The name of the table that it is in, which is unique in its family only.
  public var table: String
  /// Its name in that table.
  public var name: String
  /// Where in a packet's way it hangs.
  public var hook: Hook

  /// A chain with these names at this hook; `all` lists those of the kernel.
  public init(table: String, name: String, hook: Hook) {
    self.table = table
    self.name = name
    self.hook = hook
  }

  /// Those of the calling thread's network namespace.
  /// - Throws: when this kernel has no nftables, or the right to ask is missing.
  public static func all() throws(LinuxError) -> [FirewallChain] {
    let type = Int(NFNL_SUBSYS_NFTABLES) << 8 | Int(NFT_MSG_GETCHAIN.rawValue)
    let header = nfgenmsg(nfgen_family: UInt8(AF_UNSPEC), version: 0, res_id: 0)
    return try RouteSocket(protocol: NETLINK_NETFILTER).ask(
      NetlinkMessage(type, flags: NLM_F_DUMP, body: header), "list the chains of nftables"
    ) { FirewallChain($0) }
  }

  /// From an NFT_MSG_NEWCHAIN; nil when it is none or its chain hangs nowhere.
  init?(_ reply: NetlinkReply) {
    guard Int(reply.header.nlmsg_type) == Int(NFNL_SUBSYS_NFTABLES) << 8 | Int(NFT_MSG_NEWCHAIN.rawValue),
      let header = reply.fixed(nfgenmsg.self)
    else { return nil }
    let attributes = reply.attributes(after: MemoryLayout<nfgenmsg>.size)
    guard let nested = attributes.bytes(Int(NFTA_CHAIN_HOOK.rawValue)),
      let number = NetlinkAttributes(nested[...]).integer(Int(NFTA_HOOK_HOOKNUM.rawValue)),
      let hook = Hook(number: UInt32(bigEndian: number), family: Int32(header.nfgen_family))
    else { return nil }
    table = attributes.text(Int(NFTA_CHAIN_TABLE.rawValue)) ?? ""
    name = attributes.text(Int(NFTA_CHAIN_NAME.rawValue)) ?? ""
    self.hook = hook
  }
}

extension FirewallChain.Hook {
  /// <linux/netfilter.h>, which does not go together with <netinet/in.h>, has the families' numbers: NFPROTO_ARP, NFPROTO_NETDEV.
  private static var arp: Int32 { 3 }
  private static var device: Int32 { 5 }

  /// Hooks are numbered in each family for itself.
  fileprivate init?(number: UInt32, family: Int32) {
    let hooks: [FirewallChain.Hook] =
      family == Self.device
      ? [.ingress, .egress] : [.prerouting, .input, .forward, .output, .postrouting, .ingress]
    guard family != Self.arp, hooks.indices.contains(Int(number)) else { return nil }
    self = hooks[Int(number)]
  }
}
