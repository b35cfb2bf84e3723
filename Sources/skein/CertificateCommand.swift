import ArgumentParser
import Credentials
import Foundation
import Wire

/// Certificates by which members join.
struct CertificateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "certificate", abstract: "Makes an authority; issues, revokes and shows the members' certificates.",
    discussion: """
      Keep the authority's directory away from the members. Each member gets the one file that `issue` writes, and, when \
      somebody was revoked, a copy of revoked.skein (`cluster.revoked`).
      """,
    subcommands: [AuthorityCommand.self, IssueCommand.self, RevokeCommand.self, ShowCommand.self])
}

/// The authority's directory.
struct AuthorityOptions: ParsableArguments {
  @Option(name: .shortAndLong, help: "The authority's directory.") var directory = "/etc/skein/authority"
}

private func now() -> Int64 { Int64(Date().timeIntervalSince1970) }

private func day(_ seconds: Int64) -> String {
  let formatter = DateFormatter()
  formatter.dateFormat = "yyyy-MM-dd"
  formatter.timeZone = TimeZone(secondsFromGMT: 0)
  return formatter.string(from: Date(timeIntervalSince1970: Double(seconds)))
}

/// The beginning of a day, in seconds since 1970.
private func midnight(_ day: String) throws -> Int64 {
  let formatter = DateFormatter()
  formatter.dateFormat = "yyyy-MM-dd"
  formatter.timeZone = TimeZone(secondsFromGMT: 0)
  formatter.isLenient = false
  guard let date = formatter.date(from: day) else { throw ValidationError("“\(day)” is not a day such as 2027-01-31") }
  return Int64(date.timeIntervalSince1970)
}

private func show(_ certificates: [CertificateDescription], _ output: OutputOptions) throws {
  if output.json { return try printJSON(["certificates": certificates]) }
  let rows = certificates.map { certificate in
    [
      certificate.member.map { "member \($0)" } ?? "authority", certificate.name, "\(certificate.cluster)", certificate.state.rawValue,
      day(certificate.notBefore), day(certificate.notAfter), String(certificate.serial.prefix(16)),
    ]
  }
  print(table([["certificate", "name", "cluster", "state", "from", "until", "serial"]] + rows))
}

/// A new authority.
struct AuthorityCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "authority", abstract: "Makes a cluster's authority in a directory that has none.")
  @OptionGroup var authority: AuthorityOptions
  @OptionGroup var output: OutputOptions
  @Option(help: "The cluster's number, 1 to 65535.") var cluster: UInt16
  @Option(help: "A name for people.") var name = "skein"
  @Option(help: "How many days it is good for.") var days = CertificateAuthority.defaultValidityDays

  func run() throws {
    let made = try CertificateAuthority.create(
      cluster: ClusterIdentifier(rawValue: cluster), name: name, validityDays: days, directory: authority.directory, at: now())
    try show(try made.show(at: now()), output)
  }
}

/// A member's certificate.
struct IssueCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "issue", abstract: "Issues a member's certificate and key, in one file for that machine alone.")
  @OptionGroup var authority: AuthorityOptions
  @OptionGroup var output: OutputOptions
  @Option(help: "The member's number, 1 to 65534.") var member: UInt16
  @Option(help: "A name for people; the member's number when not said.") var name: String?
  @Option(help: "How many days it is good for.") var days = CertificateAuthority.defaultMemberValidityDays
  @Option(
    help: "The first day that it is good, such as 2027-01-31 (UTC), for a machine that is set up ahead; today when not said.",
    transform: midnight)
  var from: Int64?
  @Option(name: .shortAndLong, help: "The file to write; it must not be there yet.") var out: String

  func run() throws {
    let opened = try CertificateAuthority(directory: authority.directory)
    let issued = try opened.issue(
      member: MemberIdentifier(rawValue: member), name: name ?? "member \(member)", validityDays: days, from: from, path: out, at: now())
    try show([issued], output)
    if !output.json { print("  written to \(out): carry it to that machine by a way that nobody else reads (`cluster.credentials`)") }
  }
}

/// No longer good.
struct RevokeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "revoke", abstract: "Revokes a member's certificates, or the one with a serial number.",
    discussion: "Copy revoked.skein to every member afterwards and `skein reload` there: who is revoked is put out at once.")
  @OptionGroup var authority: AuthorityOptions
  @OptionGroup var output: OutputOptions
  @Option(help: "Every certificate of this member.") var member: UInt16?
  @Option(help: "The certificate with this serial number, in hexadecimal.") var serial: String?

  func validate() throws {
    guard (member == nil) != (serial == nil) else { throw ValidationError("Say which: --member or --serial.") }
  }

  func run() throws {
    var opened = try CertificateAuthority(directory: authority.directory)
    if let member { try show(try opened.revoke(member: MemberIdentifier(rawValue: member), at: now()), output) }
    if let serial { try show(try opened.revoke(serial: serial, at: now()), output) }
    if !output.json { print("  copy \(authority.directory)/revoked.skein to every member, and `skein reload` there") }
  }
}

/// What was issued, or what a file holds.
struct ShowCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "show", abstract: "Shows an authority and all that it issued, or one member's file.")
  @OptionGroup var authority: AuthorityOptions
  @OptionGroup var output: OutputOptions
  @Argument(help: "A member's file; the authority's directory when not said.") var file: String?

  func run() throws {
    if let file { return try show([try MemberCredentials(path: file).describe(revocations: nil, at: now())], output) }
    try show(try CertificateAuthority(directory: authority.directory).show(at: now()), output)
  }
}

/// The signed configuration bundle.
struct PersonalityCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "personality", abstract: "Signs and shows the configuration bundle that all members share.",
    discussion: """
      A personality is a piece of configuration with a version, signed by the authority (`cluster.personality`). What it sets \
      goes before what the machine's own file sets. A machine with an older version is not let in; it fetches the newer one \
      from the master, and a master that meets a newer one steps down and takes it.
      """,
    subcommands: [Sign.self, Show.self])

  struct Sign: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "sign", abstract: "Signs a piece of configuration as a personality.")
    @OptionGroup var authority: AuthorityOptions
    @Option(name: .customLong("version-number"), help: "Its version; larger than the one in use.") var version: UInt64
    @Option(name: .shortAndLong, help: "The bundle to write.") var out: String
    @Argument(help: "The configuration (YAML with a `cluster:` section).") var file: String

    func run() throws {
      let text = try String(contentsOfFile: file, encoding: .utf8)
      let bundle = try CertificateAuthority(directory: authority.directory).signPersonality(version: version, text: text)
      try bundle.write(to: out)
      print("personality \(bundle.version) of cluster \(bundle.cluster.rawValue), \(bundle.octets.count) octets, in \(out)")
    }
  }

  struct Show: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "show", abstract: "Verifies and shows a personality.")
    @Option(help: "A member's file, for the authority's certificate in it.") var credentials = "/etc/skein/member.pem"
    @Argument(help: "The bundle.") var file: String

    func run() throws {
      let bundle = try PersonalityBundle(path: file, authority: MemberCredentials(path: credentials).authority)
      print("personality \(bundle.version) of cluster \(bundle.cluster.rawValue), signed by its authority:\n\(bundle.text)")
    }
  }
}
