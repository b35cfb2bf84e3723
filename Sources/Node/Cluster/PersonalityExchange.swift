import Credentials
import Foundation
import Wire

/// The signed configuration bundle: the one that this machine runs, given to whoever asks, and a newer one fetched piece by piece.
struct PersonalityExchange {
  /// A bundle on its way here.
  private struct Fetch {
    var from: MemberIdentifier
    var address: InternetAddress
    var nonce: UInt64
    var version: UInt64
    var bytes: [UInt8] = []
    var askedAt: Instant
  }

  private let authority: TrustedAuthority
  private let path: String?
  private(set) var bundle: PersonalityBundle?
  private var fetch: Fetch?

  /// The version in use; 0 without a bundle.
  var version: UInt64 { bundle?.version ?? 0 }

  init(_ section: ClusterSection, _ credentials: MemberCredentials) throws {
    authority = credentials.authority
    path = section.personality
    guard let path, FileManager.default.fileExists(atPath: path) else { return }
    bundle = try PersonalityBundle(path: path, authority: authority)
  }

  /// Reads the bundle's file again; an older one than the one in use is refused.
  mutating func reread() throws {
    guard let path, FileManager.default.fileExists(atPath: path) else { return }
    bundle = try PersonalityBundle(path: path, authority: authority, versionInUse: version)
  }

  /// The piece that somebody asked for; nil when there is nothing newer than it has.
  func piece(for request: PersonalityRequest) -> PersonalityPart? {
    guard let bundle, bundle.version > request.have, Int(request.offset) < bundle.octets.count else { return nil }
    let start = Int(request.offset)
    let end = min(start + ClusterLimits.personalityPieceByteCount, bundle.octets.count)
    return PersonalityPart(
      nonce: request.nonce, version: bundle.version, offset: request.offset, totalByteCount: UInt32(bundle.octets.count),
      bytes: Array(bundle.octets[start..<end]))
  }

  /// Begins to fetch; the first question.
  mutating func begin(from member: MemberIdentifier, _ address: InternetAddress, version: UInt64, nonce: UInt64, at now: Instant)
    -> PersonalityRequest?
  {
    guard path != nil, version > self.version, fetch.map({ $0.version < version || now - $0.askedAt > .seconds(1) }) ?? true else {
      return nil
    }
    fetch = Fetch(from: member, address: address, nonce: nonce, version: version, askedAt: now)
    return PersonalityRequest(nonce: nonce, have: self.version, offset: 0)
  }

  /// What came of a piece.
  enum Progress {
    /// Not one that was asked for.
    case ignored
    case next(PersonalityRequest, InternetAddress)
    case complete(PersonalityBundle)
    case refused(String)
  }

  /// Takes a piece.
  mutating func take(_ part: PersonalityPart, from member: MemberIdentifier, at now: Instant) -> Progress {
    guard var current = fetch, part.nonce == current.nonce, member == current.from, Int(part.offset) == current.bytes.count,
      Int(part.totalByteCount) <= ClusterLimits.personalityByteCount, current.bytes.count + part.bytes.count <= Int(part.totalByteCount)
    else { return .ignored }
    current.bytes += part.bytes
    current.askedAt = now
    fetch = current
    guard current.bytes.count == Int(part.totalByteCount) else {
      return .next(PersonalityRequest(nonce: current.nonce, have: version, offset: UInt32(current.bytes.count)), current.address)
    }
    fetch = nil
    do {
      return .complete(try PersonalityBundle(verifying: current.bytes, authority: authority, versionInUse: version + 1))
    } catch { return .refused("\(error)") }
  }

  /// Writes a fetched bundle to its file; from now on it is the one in use.
  mutating func install(_ fetched: PersonalityBundle) throws(CredentialError) {
    if let path { try fetched.write(to: path) }
    bundle = fetched
  }

  /// Repeats a question that was not answered.
  mutating func unanswered(at now: Instant) -> (PersonalityRequest, InternetAddress)? {
    guard var current = fetch, now - current.askedAt > .milliseconds(300) else { return nil }
    current.askedAt = now
    fetch = current
    return (PersonalityRequest(nonce: current.nonce, have: version, offset: UInt32(current.bytes.count)), current.address)
  }
}
