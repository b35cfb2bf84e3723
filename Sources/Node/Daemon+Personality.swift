import Cluster
import Credentials
import Foundation
import Gateway
import Host
import Linux
import Logging
import Wire

// Reloading: the configuration file, the revocation list, and the signed bundle that a newer member has.
extension Daemon {
  /// Answers requests for the personality, and takes the pieces of a newer one. True when the message was about it.
  func exchangePersonality(
    _ message: ClusterMessage, from sender: MemberIdentifier, _ source: InternetAddress, _ cluster: Membership
  ) -> Bool {
    switch message {
    case .personalityRequest(let request):
      if let part = cluster.personality.piece(for: request) { send(signed: .personalityPart(part), to: source, cluster) }
    case .personalityPart(let part): take(part, from: sender, cluster)
    default: return false
    }
    return true
  }

  /// Begins to fetch a newer personality.
  func fetchPersonality(from sender: MemberIdentifier, _ address: InternetAddress, version: UInt64, _ cluster: Membership) {
    let nonce = UInt64.random(in: 1 ... .max, using: &generator)
    guard let request = cluster.personality.begin(from: sender, address, version: version, nonce: nonce, at: BootClock.now()) else {
      if cluster.section.personality == nil {
        logger.warning("member \(sender.rawValue) has personality \(version); without `cluster.personality` there is nowhere to put it")
      }
      return
    }
    ask(request, at: address, cluster)
  }

  func ask(_ request: PersonalityRequest, at address: InternetAddress, _ cluster: Membership) {
    send(signed: .personalityRequest(request), to: address, cluster)
  }

  private func send(signed message: ClusterMessage, to address: InternetAddress, _ cluster: Membership) {
    do { cluster.messenger.send(try cluster.security.protect(message, protection: .signed), to: address) } catch {
      logger.warning("a message could not be signed: \(error)")
    }
  }

  private func take(_ part: PersonalityPart, from sender: MemberIdentifier, _ cluster: Membership) {
    switch cluster.personality.take(part, from: sender, at: BootClock.now()) {
    case .ignored: break
    case .next(let request, let address): ask(request, at: address, cluster)
    case .refused(let why): logger.error("the personality from member \(sender.rawValue) is refused: \(why)")
    case .complete(let bundle): use(bundle, from: sender, cluster)
    }
  }

  /// Puts a fetched personality in its file and into force. One that does not fit this machine's own settings is left alone, or the daemon
  /// would not start with it.
  private func use(_ bundle: PersonalityBundle, from sender: MemberIdentifier, _ cluster: Membership) {
    var fields = EventFields { ($0.version, $0.member) = (bundle.version, Int(sender.rawValue)) }
    do {
      _ = try Configuration.read(Configuration.text(ofFile: file), file: file, personality: bundle.text)
      try cluster.personality.install(bundle)
      record(Event(.personalityFetched, nil, fields))
    } catch {
      fields.explanation = "\(error)"
      record(Event(.personalityUnfit, nil, fields))
    }
    if cluster.personality.version == bundle.version { logger.notice("\(reloadNow(by: "personality").text)") }
  }

  /// Reads the configuration again. What can change while the daemon runs does; the rest is named. An impossible file changes nothing.
  func reloadNow(by actor: String) -> CommandReport { asOrdered(by: actor) { reloadNow() } }

  private func reloadNow() -> CommandReport {
    let new: Configuration
    var revoked: Set<MemberIdentifier> = []
    do {
      let text = try Configuration.text(ofFile: file)
      try cluster?.personality.reread()
      new = try Configuration.read(text, file: file, personality: cluster?.personality.bundle?.text)
      switch (cluster, new.cluster) {
      case (let cluster?, let section?): revoked = try cluster.refreshRevocations(section)
      case (_?, nil): throw StartError("there is no `cluster` section any more; `skein leave`, then restart the daemon")
      case (nil, _?): throw StartError("a `cluster` section comes or goes with a restart only")
      case (nil, nil): break
      }
    } catch {
      record(Event(.reloadRefused, "invalid", .init { $0.explanation = "\(error)" }))
      return CommandReport(done: false, text: "nothing changed: \(error)")
    }
    // The list is in force, whatever becomes of the rest.
    if !revoked.isEmpty { handle(.member(.revoked(revoked))) }
    let fixed = settingsThatNeedRestart(new)
    guard fixed.isEmpty else {
      if let cluster, cluster.personality.version > cluster.appliedPersonality { return restart(for: fixed, cluster) }
      let how =
        fixed.contains(where: ClusterSection.agreed.contains)
        ? "of all members together, which is a short interruption, or by a personality"
        : cluster == nil ? "of the daemon" : "of the daemon, which loses no packet either"
      let why = "\(fixed.joined(separator: ", ")) can change only with a restart \(how)"
      record(Event(.reloadRefused, "needsRestart", .init { $0.explanation = why }))
      return CommandReport(done: false, text: "nothing changed: \(why)")
    }
    apply(new)
    record(Event(.configurationReloaded))
    return CommandReport(done: true, text: "reloaded \(file)")
  }

  /// A newer personality came that only a fresh daemon can put into force: work units first, then the member, then all over again.
  private func restart(for settings: [String], _ cluster: Membership) -> CommandReport {
    let what = "personality \(cluster.personality.version) changes \(settings.joined(separator: ", "))"
    guard !hasLeft else {
      return CommandReport(done: false, text: "\(what): this machine has left, and has it when it is started again")
    }
    let event = Event(
      .startsAfresh, nil, .init { ($0.version, $0.explanation) = (cluster.personality.version, settings.joined(separator: ", ")) })
    record(event)
    if !isStopping {
      startsAfresh = true
      freshStartReason = what
      leaveAndStop(by: "personality")
    }
    return CommandReport(done: true, text: event.text)
  }

  /// Of `gateway` only the weight can change while the daemon runs.
  private func settingsThatNeedRestart(_ new: Configuration) -> [String] {
    // The tables of flows are made with the packet path.
    let tables =
      new.services.isEmpty != configuration.services.isEmpty
      ? ["services"] : new.services.isEmpty || new.flowLimit == configuration.flowLimit ? [] : ["flows"]
    let gateway = GatewaySection.settingsThatNeedRestart(new.gateway, comparedTo: configuration.gateway) + tables
    guard let cluster, let section = new.cluster else { return gateway }
    return section.settingsThatNeedRestart(comparedTo: cluster.section) + gateway
  }

  private func apply(_ new: Configuration) {
    configuration = new
    if let weight = new.gateway?.weight.maximum { handle(.gateway(.setWeight(UInt8(clamping: weight)))) }
    guard let cluster, let section = new.cluster else { return }
    let old = cluster.section
    host.configuration.hold = section.hold
    do {
      try cluster.apply(section)
      cluster.services = new.services
      try writeSettings()
    } catch { logger.error("the packet path could not be told of the new configuration: \(error)") }
    startServices()
    if section.effectiveWeight != old.effectiveWeight { handle(.member(.setWeight(section.effectiveWeight))) }
    handle(.member(.personality(version: cluster.personality.version, settingsDigest: section.sharedSettingsDigest(with: new.services))))
  }
}

extension Membership {
  /// Reads the list of revoked certificates again, and answers who is new in it.
  fileprivate func refreshRevocations(_ section: ClusterSection) throws -> Set<MemberIdentifier> {
    guard let path = section.revoked, FileManager.default.fileExists(atPath: path) else { return [] }
    return try security.update(RevocationList(path: path, authority: MemberCredentials(path: section.credentials).authority))
  }

  /// Puts the settings into force that can change while the daemon runs.
  fileprivate func apply(_ new: ClusterSection) throws {
    let old = section
    section = new
    appliedPersonality = personality.version
    hooks = Hooks(commands: new.hooks)
    try machine.changeAddresses(from: old, to: new)
  }
}

extension ClusterSection {
  /// Settings fixed while the daemon runs in which members must agree: who has restarted is refused by those who have not.
  static let agreed: Set = ["cluster.delivery", "cluster.detection", "cluster.partition", "cluster.hash", "the first of cluster.addresses"]

  /// The settings that differ and are fixed while the daemon runs.
  func settingsThatNeedRestart(comparedTo old: ClusterSection) -> [String] {
    let pairs: [(String, Bool)] = [
      ("cluster.name", name != old.name), ("cluster.id", identifier != old.identifier), ("cluster.member", member != old.member),
      ("cluster.interface", interface != old.interface), ("cluster.address", address != old.address),
      ("cluster.delivery", delivery != old.delivery), ("cluster.detection", detection != old.detection),
      ("cluster.credentials", credentials != old.credentials), ("cluster.partition", partition != old.partition),
      ("cluster.members", configuredMembers != old.configuredMembers), ("cluster.port", port != old.port),
      ("cluster.peers", peers != old.peers), ("cluster.balance", balance != old.balance), ("cluster.eager", eager != old.eager),
      // While members differ in these, they give one packet to two units.
      ("cluster.hash", sourceOnly != old.sourceOnly || l2tpSessions != old.l2tpSessions),
      ("the first of cluster.addresses", addresses.first != old.addresses.first),
    ]
    return pairs.filter(\.1).map(\.0)
  }
}
