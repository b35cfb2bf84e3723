import Foundation

/// The IP cluster's lab: members at a switch, clients beside them, and others behind a router.
final class Topology: TestBed {
  let plan: Plan

  init(memberCount: Int, serverCount: Int = 0, console: Console) throws {
    plan = try Plan(processIdentifier: getpid(), memberCount: memberCount, serverCount: serverCount)
    super.init(plan, console: console)
  }

  override func build() throws {
    for member in plan.members {
      // Servers may listen on the cluster address before the member has joined and has it.
      let early = [("net/ipv4/ip_nonlocal_bind", "1"), ("net/ipv6/ip_nonlocal_bind", "1")]
      try launcher.set(Self.withoutWaiting + early, in: plan.namespace(of: member))
      try launcher.batch(plan.addressing(ofMember: member), in: plan.namespace(of: member))
    }
    let routing = [("net/ipv4/ip_forward", "1"), ("net/ipv6/conf/all/forwarding", "1"), ("net/ipv4/conf/all/send_redirects", "0")]
    try launcher.set(Self.withoutWaiting + routing, in: plan.routerNamespace)
    try launcher.batch(plan.routerAddressing, in: plan.routerNamespace)
    for interface in [Plan.interface, Plan.farInterface] { try launcher.offload(interface, "tx", "off", in: plan.routerNamespace) }
    for site in ClientSite.allCases {
      let namespace = plan.clientNamespace(site)
      try launcher.set(Self.withoutWaiting, in: namespace)
      try launcher.batch(plan.addressing(ofClients: site), in: namespace)
      try launcher.offload(Plan.interface, "tx", "off", in: namespace)
    }
    for server in plan.servers {
      let namespace = plan.namespace(ofServer: server)
      try launcher.set(Self.withoutWaiting, in: namespace)
      try launcher.batch(plan.addressing(ofServer: server), in: namespace)
      try launcher.offload(Plan.interface, "tx", "off", in: namespace)
    }
    for port in plan.ports { try launcher.offload(port, "gro", "on", in: plan.switchNamespace) }
  }

  override func setWires(of member: Int, _ cut: Cut, whole: Bool) throws {
    guard cut == .silently else { return try super.setWires(of: member, cut, whole: whole) }
    try launcher.setPort(plan.port(of: member), of: Plan.bridge, isIn: whole, in: plan.switchNamespace)
  }

  /// Lets the switch drop what the members send to all by IP multicast, as a switch does that filters groups it does not know.
  func blockMulticast() throws {
    try requireTools(["nft": "nftables"])
    let rules =
      "table bridge lab { chain forward { type filter hook forward priority 0; ip daddr 224.0.0.0/4 drop; ip6 daddr ff12::/16 drop; }; }"
    try launcher.run(["nft", "-f", "-"], in: plan.switchNamespace, input: rules + "\n")
  }
}
