import Foundation

/// The peer to be compared with: the same machines and wires, and VRRP by Debian's keepalived. One member holds the address, the others
/// wait. Every silence of its is everybody's: there are no survivors whose clients notice nothing.
final class KeepalivedCluster: ClusterUnderTest {
  let topology: Topology
  let advertSeconds: Double
  private var daemons: [Int: ChildProcess] = [:]
  private let responder: Responder

  /// - Parameter advertSeconds: how often the active member says that it lives; it is missed after three times that and a bit.
  init(topology: Topology, advertSeconds: Double) throws {
    try requireTools(["keepalived": "keepalived"])
    self.topology = topology
    self.advertSeconds = advertSeconds
    responder = try Responder(namespaces: topology.plan.memberNamespaces)
    for member in topology.plan.members { daemons[member] = try start(member) }
    try waitUntilSettled()
  }

  /// VRRP version 2 with its defaults where the interval allows, else version 3, which counts in hundredths of a second.
  static func configuration(member: Int, advertSeconds: Double) -> String {
    """
    global_defs {
      router_id m\(member)
    }
    vrrp_instance lab {
      interface \(Plan.interface)
      state BACKUP
      nopreempt
      version \(advertSeconds < 1 ? 3 : 2)
      virtual_router_id 77
      priority \(101 - member)
      advert_int \(advertSeconds)
      virtual_ipaddress {
        \(Plan.clusterAddress(.four))/\(Plan.prefixLength(.four))
      }
    }

    """
  }

  private func start(_ member: Int) throws -> ChildProcess {
    let base = "\(topology.plan.directory)/keepalived-m\(member)"
    try Self.configuration(member: member, advertSeconds: advertSeconds).write(toFile: "\(base).conf", atomically: false, encoding: .utf8)
    // What a killed daemon has left makes the next one believe that it runs already.
    for file in ["\(base).pid", "\(base)-vrrp.pid"] { unlink(file) }
    return try topology.start(
      "keepalived-m\(member)",
      ["keepalived", "--dont-fork", "--log-console", "--vrrp", "-f", "\(base).conf", "-p", "\(base).pid", "-r", "\(base)-vrrp.pid"],
      in: topology.plan.namespace(ofMember: member))
  }

  private func daemon(_ member: Int) throws -> ChildProcess {
    guard let daemon = daemons[member] else { throw LabError.badOption("there is no member \(member)") }
    return daemon
  }

  func victim(_ wish: Victim, owners: [Int]) throws -> Int {
    guard let active = owners.first else { throw LabError.observation("nobody holds the address") }
    return active
  }

  func fail(_ member: Int, by failure: Failure) throws {
    try topology.inflict(failure, on: member, daemon: daemon(member))
  }

  func lossBooks() -> LossBooks? { nil }
  func everybodyWaits(for victim: Victim) -> Bool { true }

  func addressHolders(dead: Set<Int>) throws -> Int? {
    try topology.plan.members.filter { !dead.contains($0) }.count { member in
      let namespace = topology.plan.namespace(ofMember: member).name
      return try !topology.launcher.run(["ip", "-n", namespace, "-oneline", "address", "show", "to", Plan.clusterAddress(.four)]).isEmpty
    }
  }

  func readPath(_ member: Int) throws -> PathReading? { nil }
  func leasesLapsed(_ member: Int) throws -> Int { 0 }

  func heal(_ member: Int, after failure: Failure) throws {
    if failure.endsDaemon {
      try daemon(member).end()
      // A machine that has started anew has no address left over, and an administrator would see to it where only the daemon died.
      let namespace = topology.plan.namespace(ofMember: member).name
      let stale = "\(Plan.clusterAddress(.four))/\(Plan.prefixLength(.four))"
      _ = try? topology.launcher.run(["ip", "-n", namespace, "address", "delete", stale, "dev", Plan.interface])
    }
    try topology.repair(failure, on: member, daemon: daemon(member))
    if failure.endsDaemon { daemons[member] = try start(member) }
  }

  func waitUntilSettled() throws {
    for member in topology.plan.members { try daemon(member).checkAlive() }
    // Nobody takes the address within three intervals and a bit of the last change.
    try pause(milliseconds: Int(advertSeconds * 4000) + 500)
  }
}
