import Foundation

/// A machine that must not get in.
struct Intruder {
  var name: String
  var configuration: String
  /// What it must say itself.
  var ownWord: String
  /// What a member must say; empty where none can know.
  var mastersWord = ""
  /// What the members must count, in which group; empty where nothing reaches them.
  var counter = ""
  var group = "security"

  /// One that each side names with the same words.
  static func refused(_ name: String, _ configuration: String, _ words: String, _ counter: String, _ group: String = "security") -> Intruder
  {
    Intruder(
      name: name, configuration: configuration, ownWord: "refuses this machine: \(words)", mastersWord: "may not join: \(words)",
      counter: counter, group: group)
  }
}

/// What the members' gate consists of, as files: a signed personality, the revocation list, hooks; and false papers of all kinds.
struct Gatehouse {
  private let cluster: SkeinCluster
  private var plan: Plan { cluster.topology.plan }
  private var directory: String { plan.directory }
  private var authority: String { cluster.authority }

  init(_ cluster: SkeinCluster) { self.cluster = cluster }

  /// The member number that the join hook does not want.
  private static let unwanted = 13
  private static let hooksWords = "thirteen is not licensed here"

  /// Makes what a member's configuration names, and the lines that name it.
  static func prepare(_ cluster: SkeinCluster, member: Int) throws -> [String] {
    let house = Gatehouse(cluster)
    try house.signPersonality(version: member <= cluster.members.count ? 2 : 1, for: member)
    try house.copyRevocations()
    let hook = "[ $SKEIN_MEMBER != \(unwanted) ] || { echo \(hooksWords); exit 1; }\n"
    try hook.write(toFile: "\(house.directory)/join.sh", atomically: false, encoding: .utf8)
    try "echo $SKEIN_MEMBER >> $1\n".write(toFile: "\(house.directory)/note.sh", atomically: false, encoding: .utf8)
    return [
      "personality: \(cluster.file(member, "personality"))", "revoked: \(house.directory)/revoked.skein", "hooks:",
      "  join: sh \(house.directory)/join.sh", "  arrived: sh \(house.directory)/note.sh \(cluster.file(member, "arrived"))",
      "  departed: sh \(house.directory)/note.sh \(cluster.file(member, "departed"))",
    ]
  }

  /// The members that a hook of a member's was told of.
  func hookCalls(_ member: Int, _ hook: String) throws -> [Int] {
    let text = (try? String(contentsOfFile: cluster.file(member, hook), encoding: .utf8)) ?? ""
    return text.split(separator: "\n").compactMap { Int($0) }
  }

  /// A guest's good papers, with an older personality.
  func writeGuest(_ machine: Int) throws {
    try issue(machine, to: cluster.file(machine, "pem"))
    try cluster.configure(machine, cluster.configuration(member: machine))
  }

  func revoke(_ member: Int) throws {
    try cluster.skein("certificate", "revoke", "--directory", authority, "--member", "\(member)")
    try copyRevocations()
  }

  /// Forgets what a daemon on the machine has left in the kernel.
  func clean(machine: Int) throws {
    try cluster.forgetKernelState(of: machine) { $0.hasPrefix("\(plan.run)-guest\(machine)-") }
  }

  /// Every kind of machine that must not get in, with its papers made.
  func intruders(machine: Int) throws -> [Intruder] {
    try [unknownAuthority(machine)] + badDates(machine) + [revoked(machine), keyless(machine), outdated(machine)]
      + wrongClusters(machine) + [double(machine), unwanted(machine)]
  }

  private func unknownAuthority(_ machine: Int) throws -> Intruder {
    // The same names as the true one: only the signature tells.
    let other = "\(directory)/other"
    try cluster.makeAuthority(other)
    try issue(machine, to: "\(directory)/unknown.pem", authority: other)
    return Intruder(
      name: "a certificate of another authority",
      configuration: try papers(machine, "unknown.pem", "personality: \(cluster.file(1, "personality"))", ""),
      ownWord: "is answered for by", mastersWord: "its certificate is not by this cluster's authority", counter: "unknownAuthority")
  }

  private func badDates(_ machine: Int) throws -> [Intruder] {
    try issue(machine, to: "\(directory)/expired.pem", more: ["--from", "2001-01-01", "--days", "30"])
    try issue(machine, to: "\(directory)/early.pem", more: ["--from", "2036-01-01"])
    let words = "its certificate has expired or is not valid yet"
    return [
      .refused("an expired certificate", try papers(machine, "expired.pem"), words, "expired"),
      .refused("a certificate that is not valid yet", try papers(machine, "early.pem"), words, "notYetValid"),
    ]
  }

  private func revoked(_ machine: Int) throws -> Intruder {
    try issue(66, to: "\(directory)/revoked.pem")
    try revoke(66)
    for member in cluster.members { try cluster.tell(member, "reload") }
    return .refused("a revoked certificate", try papers(machine, "revoked.pem", member: 66), "its certificate is revoked", "revoked")
  }

  /// A member's certificate, which is no secret, beside a key that is not its own.
  private func keyless(_ machine: Int) throws -> Intruder {
    try issue(machine, to: "\(directory)/own.pem")
    let stolen = try String(contentsOfFile: cluster.file(1, "pem"), encoding: .utf8)
    let own = try String(contentsOfFile: "\(directory)/own.pem", encoding: .utf8)
    let (begin, end) = ("-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----")
    func key(_ text: String) throws -> Range<String.Index> {
      guard let first = text.range(of: begin), let last = text.range(of: end) else {
        throw LabError.observation("a member's file has no key")
      }
      return first.lowerBound..<last.upperBound
    }
    let forged = stolen.replacingCharacters(in: try key(stolen), with: own[try key(own)])
    try forged.write(toFile: "\(directory)/stolen.pem", atomically: false, encoding: .utf8)
    chmod("\(directory)/stolen.pem", 0o600)
    return Intruder(
      name: "a stolen certificate without its key", configuration: try papers(machine, "stolen.pem", member: 1),
      ownWord: "the private key is not the certificate's")
  }

  private func outdated(_ machine: Int) throws -> Intruder {
    try issue(machine, to: "\(directory)/outdated.pem")
    return .refused(
      "an older configuration and nowhere to put a newer", try papers(machine, "outdated.pem", personality: false),
      "its configuration is older", "joinsRefused", "cluster")
  }

  /// A file that says one cluster and papers of another; and papers and file that agree on a cluster of their own, on our address.
  private func wrongClusters(_ machine: Int) throws -> [Intruder] {
    let foreign = "\(directory)/foreign"
    try cluster.makeAuthority(foreign, cluster: 78)
    try issue(machine, to: "\(directory)/foreign.pem", authority: foreign)
    let peers = cluster.members.map { plan.address(of: $0, .four) }.joined(separator: ", ")
    return [
      Intruder(
        name: "a certificate of another cluster", configuration: try papers(machine, "foreign.pem", personality: false),
        ownWord: "for member"),
      Intruder(
        name: "another cluster's number, on this cluster's address",
        configuration: try papers(
          machine, "foreign.pem", "id: \(SkeinCluster.clusterIdentifier)", "id: 78\n  peers: [\(peers)]", personality: false),
        ownWord: "is answered for by", counter: "otherCluster"),
    ]
  }

  private func double(_ machine: Int) throws -> Intruder {
    try issue(1, to: "\(directory)/double.pem")
    return .refused(
      "a member's number", try papers(machine, "double.pem", member: 1), "another machine has this member number", "joinsRefused", "cluster"
    )
  }

  private func unwanted(_ machine: Int) throws -> Intruder {
    try issue(Self.unwanted, to: "\(directory)/unwanted.pem")
    return .refused(
      "a number that the join hook does not want", try papers(machine, "unwanted.pem", member: Self.unwanted),
      "an application objects (\(Self.hooksWords))", "joinsRefused", "cluster")
  }

  /// The configuration of a machine with the members' settings and these papers. Its name differs, so that what it pins is its own.
  private func papers(
    _ machine: Int, _ credentials: String, _ old: String = "", _ new: String = "", member: Int? = nil, personality: Bool = true
  ) throws -> String {
    var text = try cluster.configuration(member: machine)
    func replace(_ old: String, _ new: String) { text = text.replacingOccurrences(of: old, with: new) }
    try signPersonality(version: 2, for: machine)
    replace("name: \(plan.run)\n", "name: \(plan.run)-guest\(machine)\n")
    replace("credentials: \(cluster.file(machine, "pem"))", "credentials: \(directory)/\(credentials)")
    if let member { replace("member: \(machine)\n", "member: \(member)\n") }
    if !personality || credentials == "unknown.pem" { replace("  personality: \(cluster.file(machine, "personality"))\n", "") }
    // Another authority's machine would not take our list.
    if ["unknown.pem", "foreign.pem"].contains(credentials) { replace("  revoked: \(directory)/revoked.skein\n", "") }
    if !old.isEmpty { replace(old, new) }
    return text
  }

  private func signPersonality(version: Int, for machine: Int) throws {
    try cluster.signPersonality(version, "cluster:\n  weight: 100\n", for: machine)
  }

  private func copyRevocations() throws {
    let octets = try Data(contentsOf: URL(filePath: "\(authority)/revoked.skein"))
    try octets.write(to: URL(filePath: "\(directory)/revoked.skein"))
  }

  private func issue(_ member: Int, to path: String, authority other: String? = nil, more: [String] = []) throws {
    let words = ["certificate", "issue", "--directory", other ?? authority, "--member", "\(member)", "--out", path]
    try cluster.topology.launcher.run([cluster.program] + words + more)
  }
}
