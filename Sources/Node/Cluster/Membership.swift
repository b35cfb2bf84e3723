import Cluster
import Credentials
import Foundation
import Host
import Linux
import Logging
import Segments
import Wire

/// What a cluster's member has of its machine: its settings, its keys, its socket, and what it changes there. What it does is decided in the
/// daemon's host (`ApplianceHost`). Belongs to the daemon's thread.
final class Membership {
  var section: ClusterSection
  var machine: Machine
  let messenger: Messenger
  var security: SecurityLayer
  let profile: MemberProfile
  var hooks: Hooks
  var personality: PersonalityExchange
  /// The virtual servers at the cluster's addresses.
  var services: [VirtualServer]
  /// The version whose settings are in force.
  var appliedPersonality: UInt64
  var refusedByHopLimit: UInt64 = 0
  var standstills = Standstills()
  var announcements: UInt64 = 0
  var addressProbe: AddressProbe?
  /// What the last probe heard; nil when it heard nothing.
  var addressClaim: AddressProbe.Claim?
  /// When somebody's datagram was refused last: another cluster's, as likely as not.
  var foreignHeardAt = Instant.zero
  var undecipherableAt = Instant.zero

  /// - Parameter configuration: gets what the personality sets in place of its own.
  /// - Throws: what keeps it from starting, in words.
  init(_ own: ClusterSection, _ configuration: inout Configuration, file: String) throws {
    let credentials = try MemberCredentials(path: own.credentials)
    personality = try PersonalityExchange(own, credentials)
    if let bundle = personality.bundle {
      configuration = try Configuration.read(Configuration.text(ofFile: file), file: file, personality: bundle.text)
    }
    section = configuration.cluster ?? own
    services = configuration.services
    machine = try Machine(section)
    security = try Self.securityLayer(section, credentials)
    profile = MemberProfile(
      identifier: section.member, incarnation: security.incarnation, address: machine.ownAddress,
      ethernetAddress: machine.interface.ethernetAddress, weight: section.effectiveWeight, agreementKey: security.agreementKey)
    messenger = try Messenger(section, own: machine.ownAddress, interface: machine.interface)
    hooks = Hooks(commands: section.hooks)
    appliedPersonality = personality.version
  }

  private static func securityLayer(_ section: ClusterSection, _ credentials: MemberCredentials) throws -> SecurityLayer {
    guard credentials.cluster == section.identifier, credentials.member == section.member else {
      throw StartError(
        "\(section.credentials) is for member \(credentials.member.rawValue) of cluster \(credentials.cluster.rawValue); the configuration says member \(section.member.rawValue) of cluster \(section.identifier.rawValue)"
      )
    }
    let revocations = try section.revoked.flatMap { path in
      FileManager.default.fileExists(atPath: path) ? try RevocationList(path: path, authority: credentials.authority) : nil
    }
    return SecurityLayer(credentials: credentials, revocations: revocations, startedAt: Int64(Date().timeIntervalSince1970))
  }

  /// Makes the machine fit for the cluster addresses.
  func prepare(_ logger: Logger) throws {
    try machine.prepare(section)
    for problem in machine.changes.problems { logger.warning("\(problem)") }
  }

  /// What it does, for the daemon's host.
  var member: ClusterMember {
    ClusterMember(configuration: section.memberConfiguration(profile, personalityVersion: appliedPersonality, services: services))
  }

  var hostConfiguration: ApplianceHost.Configuration {
    .init(profile: profile, isForwarding: section.delivery == .forwarding, detection: section.detection, hold: section.hold)
  }

  /// What the packet path must know of configuration and machine.
  func pathSettings() throws -> PathSettings {
    try PathSettings(
      ownAddress: machine.interface.ethernetAddress, sharedAddress: machine.sharedAddress,
      clusterAddresses: section.addresses.map(\.address), ownAddresses: machine.ownAddresses(besides: section.addresses),
      delivery: section.delivery, routing: section.routing, l2tpSessions: section.l2tpSessions, sourceOnly: section.sourceOnly)
  }
}
