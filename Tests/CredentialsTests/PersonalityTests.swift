import Testing
import Wire

@testable import Credentials

@Suite struct PersonalityTests {
  let cluster: TestCluster
  let bundle: PersonalityBundle
  private let yaml = "cluster: { name: edge, id: 7 }\n"

  init() throws {
    cluster = try TestCluster()
    bundle = try cluster.authority.signPersonality(version: 5, text: yaml)
  }

  private func refusal(of octets: [UInt8], authority: TrustedAuthority? = nil, inUse: UInt64? = nil) -> CredentialError.Kind? {
    do throws(CredentialError) {
      _ = try PersonalityBundle(verifying: octets, authority: authority ?? cluster.authority.trusted, versionInUse: inUse)
      return nil
    } catch { return error.kind }
  }

  @Test func signedPersonalityIsReadBack() throws {
    let path = cluster.directory + "/personality"
    try bundle.write(to: path)
    let read = try PersonalityBundle(path: path, authority: cluster.authority.trusted, versionInUse: 4)
    #expect(read == bundle && read.version == 5 && read.text == yaml && read.cluster.rawValue == 7)
  }

  @Test func olderPersonalityIsRefusedAndTheSameIsNot() {
    #expect(refusal(of: bundle.octets, inUse: 6) == .olderVersion)
    #expect(refusal(of: bundle.octets, inUse: 5) == nil)
    #expect(refusal(of: bundle.octets, inUse: 4) == nil)
  }

  @Test func personalityOfAnotherAuthorityIsRefused() throws {
    #expect(refusal(of: bundle.octets, authority: try TestCluster().authority.trusted) == .badSignature)
  }

  @Test func everyTamperedOctetAndEveryTruncationIsRefused() {
    for index in bundle.octets.indices {
      var tampered = bundle.octets
      tampered[index] ^= 1
      #expect(refusal(of: tampered) != nil, "octet \(index)")
    }
    for count in bundle.octets.indices { #expect(refusal(of: Array(bundle.octets.prefix(count))) != nil, "\(count) octets") }
    #expect(refusal(of: bundle.octets + [0]) == .malformed)
  }

  @Test func longestPersonalityPassesAndALongerOneIsRefused() throws {
    let longest = String(repeating: "#", count: PersonalityBundle.textByteCountLimit)
    #expect(try cluster.authority.signPersonality(version: 1, text: longest).octets.count == ClusterLimits.personalityByteCount)
    #expect(throws: CredentialError.self) { try cluster.authority.signPersonality(version: 1, text: longest + "#") }
  }
}
