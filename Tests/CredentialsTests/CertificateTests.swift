import Crypto
import Foundation
import Testing
import Wire

@testable import Credentials

@Suite struct CertificateTests {
  let cluster: TestCluster
  private let three = MemberIdentifier(rawValue: 3)
  init() throws { cluster = try TestCluster() }

  private func issue(_ name: String = "berlin") throws -> String {
    let path = cluster.directory + "/\(name).pem"
    _ = try cluster.authority.issue(member: three, name: name, path: path, at: wallClock)
    return path
  }

  private func permissions(_ path: String) throws -> Int {
    try #require(try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int)
  }

  private func error(_ body: () throws -> Void) -> CredentialError? {
    do { try body() } catch { return error as? CredentialError }
    return nil
  }

  private func kind(_ body: () throws -> Void) -> CredentialError.Kind? { error(body)?.kind }

  @Test func issuedFileHoldsAllThatAMemberNeeds() throws {
    let path = try issue()
    let credentials = try MemberCredentials(path: path)
    #expect(credentials.member == three && credentials.cluster.rawValue == 7 && credentials.name == "berlin")
    #expect(try permissions(path) == 0o600)
    let description = credentials.describe(revocations: nil, at: wallClock)
    #expect(description.state == .valid)
    #expect(credentials.describe(revocations: nil, at: wallClock + 731 * day).state == .expired)
    #expect(credentials.describe(revocations: nil, at: wallClock - 301).state == .notYetValid)
    #expect(description.text.contains("berlin: member 3 of cluster 7, valid"))
  }

  @Test func certificateOfTheLongestNameIsSmall() throws {
    let longest = String(repeating: "n", count: 64)
    let authority = try CertificateAuthority.create(
      cluster: ClusterIdentifier(rawValue: 65_535), name: longest, directory: cluster.directory + "/longest", at: wallClock)
    let shown = try authority.issue(
      member: MemberIdentifier(rawValue: 65_534), name: longest, path: cluster.directory + "/longest.pem", at: wallClock)
    #expect(shown.byteCount <= 500)
    print("member certificate with the longest names: \(shown.byteCount) octets of DER")
  }

  @Test func authorityIsReadBackAsItWasMade() throws {
    let again = try CertificateAuthority(directory: cluster.directory)
    #expect(again.trusted.name == "test authority" && again.trusted.cluster.rawValue == 7)
    #expect(try permissions(cluster.directory + "/authority.key") == 0o600)
    let path = try issue()
    #expect(throws: Never.self) { try MemberCredentials(path: path) }
  }

  @Test func authorityMakesTheDirectoriesThatItIsToBeIn() throws {
    let directory = cluster.directory + "/etc/skein"
    _ = try CertificateAuthority.create(
      cluster: ClusterIdentifier(rawValue: 7), name: "x", directory: directory + "/authority", at: wallClock)
    #expect(try permissions(directory) == 0o700 && permissions(directory + "/authority") == 0o700)
    #expect(throws: Never.self) { try CertificateAuthority(directory: directory + "/authority") }
  }

  @Test func whereNothingIsThereItIsSaidWhatToDo() throws {
    let missing = cluster.directory + "/none"
    let authority = error { _ = try CertificateAuthority(directory: missing) }
    #expect(authority?.kind == .unreadable && authority?.remedy.contains("skein certificate authority") == true)
    let file = error { _ = try cluster.authority.issue(member: three, name: "x", path: missing + "/member.pem", at: wallClock) }
    #expect(file?.kind == .unwritable && file?.remedy == "mkdir -p -m 700 \(missing)")
    let bundle = try cluster.authority.signPersonality(version: 1, text: "cluster:\n  detection: 1s\n")
    #expect(error { try bundle.write(to: missing + "/bundle") }?.remedy == "mkdir -p -m 700 \(missing)")
  }

  @Test func authorityIsNotOverwritten() throws {
    #expect(
      kind {
        _ = try CertificateAuthority.create(
          cluster: ClusterIdentifier(rawValue: 7), name: "x", directory: cluster.directory, at: wallClock)
      } == .alreadyExists)
    let path = try issue()
    #expect(kind { _ = try cluster.authority.issue(member: three, name: "x", path: path, at: wallClock) } == .alreadyExists)
  }

  @Test func keyThatOthersMayReadIsRefused() throws {
    let path = try issue()
    try FileManager.default.setAttributes([.posixPermissions: 0o640], ofItemAtPath: path)
    #expect(kind { _ = try MemberCredentials(path: path) } == .unsafePermissions)
    let key = cluster.directory + "/authority.key"
    try FileManager.default.setAttributes([.posixPermissions: 0o604], ofItemAtPath: key)
    #expect(kind { _ = try CertificateAuthority(directory: cluster.directory) } == .unsafePermissions)
  }

  @Test func badArgumentsAreRefusedWithWhatWouldDo() throws {
    let path = cluster.directory + "/bad.pem"
    for name in ["", String(repeating: "n", count: 65), "line\nbreak", "zürich"] {
      #expect(kind { _ = try cluster.authority.issue(member: three, name: name, path: path, at: wallClock) } == .badArgument)
    }
    for days in [0, -1, 36_501] {
      #expect(
        kind { _ = try cluster.authority.issue(member: three, name: "x", validityDays: days, path: path, at: wallClock) }
          == .badArgument)
    }
    for number in [UInt16(0), 65_535] {
      let member = MemberIdentifier(rawValue: number)
      #expect(kind { _ = try cluster.authority.issue(member: member, name: "x", path: path, at: wallClock) } == .badArgument)
    }
    #expect(kind { _ = try cluster.authority.issue(member: three, name: "x", path: path, at: wallClock + 4000 * day) } == .expired)
    #expect(!FileManager.default.fileExists(atPath: path))
  }

  @Test func filesThatAreNotWhatTheyShouldBeAreRefused() throws {
    #expect(kind { _ = try MemberCredentials(path: cluster.directory + "/none") } == .unreadable)
    #expect(kind { _ = try MemberCredentials(path: cluster.directory) } == .unreadable)
    #expect(kind { _ = try MemberCredentials(path: cluster.directory + "/authority.key") } == .malformed)
    #expect(kind { _ = try TrustedAuthority(path: cluster.directory + "/revoked.skein") } == .malformed)
    let path = try issue()
    let copy = try #require(try FileManager.default.contentsOfDirectory(atPath: cluster.directory + "/issued").first)
    #expect(kind { _ = try TrustedAuthority(path: cluster.directory + "/issued/" + copy) } == .notAnAuthority)
    let other = try TestCluster()
    #expect(kind { try self.swapAuthorityCertificate(in: path, for: other) } == .unknownAuthority)
  }

  private func swapAuthorityCertificate(in path: String, for other: TestCluster) throws {
    let mark = "-----BEGIN CERTIFICATE-----"
    let parts = try String(contentsOfFile: path, encoding: .utf8).components(separatedBy: mark)
    let authority = try String(contentsOfFile: other.directory + "/authority.pem", encoding: .utf8)
    try (parts.dropLast().joined(separator: mark) + authority).write(toFile: path, atomically: false, encoding: .utf8)
    _ = try MemberCredentials(path: path)
  }

  @Test func keyOfAnotherCertificateIsRefused() throws {
    let certificate = try cluster.certificate(3, key: Curve25519.Signing.PrivateKey())
    #expect(
      kind {
        _ = try MemberCredentials(
          certificate: certificate, key: Curve25519.Signing.PrivateKey(), authority: cluster.authority.trusted)
      } == .wrongKey)
    let other = try TestCluster()
    let path = cluster.directory + "/authority.key"
    try FileManager.default.removeItem(atPath: path)
    try FileManager.default.copyItem(atPath: other.directory + "/authority.key", toPath: path)
    #expect(kind { _ = try CertificateAuthority(directory: cluster.directory) } == .wrongKey)
  }

  @Test func revokedCertificateIsListedInASignedFile() throws {
    let credentials = try MemberCredentials(path: issue())
    let revoked = try cluster.authority.revoke(member: three, at: wallClock)
    #expect(revoked.map(\.state) == [.revoked])
    let list = try RevocationList(path: cluster.directory + "/revoked.skein", authority: credentials.authority)
    #expect(list.version == 1 && list.contains(serial: credentials.certificate.serial))
    #expect(list == cluster.authority.revocations)
    #expect(credentials.describe(revocations: list, at: wallClock).state == .revoked)
    #expect(try cluster.authority.show(at: wallClock).map(\.state) == [.valid, .revoked])
  }

  @Test func certificateIsRevokedBySerialNumber() throws {
    let first = try MemberCredentials(path: issue("first"))
    let second = try MemberCredentials(path: issue("second"))
    let serial = Hexadecimal.text(of: second.certificate.serial)
    #expect(try cluster.authority.revoke(serial: serial, at: wallClock).map(\.name) == ["second"])
    #expect(!cluster.authority.revocations.contains(serial: first.certificate.serial))
    #expect(kind { _ = try cluster.authority.revoke(serial: "00", at: wallClock) } == .unknownCertificate)
    #expect(kind { _ = try cluster.authority.revoke(member: MemberIdentifier(rawValue: 8), at: wallClock) } == .unknownCertificate)
  }

  @Test func revocationListThatWasTamperedWithIsRefused() throws {
    _ = try issue()
    _ = try cluster.authority.revoke(member: three, at: wallClock)
    let octets = Array(try Data(contentsOf: URL(filePath: cluster.directory + "/revoked.skein")))
    let authority = cluster.authority.trusted
    for index in octets.indices {
      var tampered = octets
      tampered[index] ^= 1
      #expect(throws: CredentialError.self) { try RevocationList(tampered, authority: authority, name: "list") }
    }
    for count in octets.indices {
      #expect(throws: CredentialError.self) { try RevocationList(Array(octets.prefix(count)), authority: authority, name: "list") }
    }
    let other = try TestCluster().authority.trusted
    #expect(kind { _ = try RevocationList(octets, authority: other, name: "list") } == .badSignature)
  }

  @Test func descriptionIsJSON() throws {
    _ = try issue()
    let shown = try cluster.authority.show(at: wallClock)
    let decoded = try JSONDecoder().decode([CertificateDescription].self, from: JSONEncoder().encode(shown))
    #expect(decoded == shown && shown.count == 2)
    #expect(shown[0].member == nil && shown[1].member == 3)
  }

  @Test(arguments: [
    "skein://cluster/07", "skein://cluster/0", "skein://cluster/65536", "skein://cluster/7/", "skein://cluster/7/member/0",
    "skein://cluster/7/member/65535", "skein://cluster/7/member/+3", "skein://cluster/7/other/3", "http://cluster/7", "", "////",
  ]) func otherSpellingsNameNobody(text: String) { #expect(ClusterCertificate.Owner(text: text) == nil) }
}
