import Crypto
import Wire

// Signed datagrams: what is cheap is checked first, what costs a verification only within the rate limits.

extension SecurityLayer {
  mutating func signed(_ message: ClusterMessage) throws(ProtectionError) -> [UInt8] {
    let body = message.encodeBody()
    guard body.count <= ClusterLimits.bodyByteCount(.signed) else { throw .oversized }
    lastSequence += 1
    var octets: [UInt8] = []
    octets.reserveCapacity(ClusterLimits.datagramByteCount)
    header(message.type, .signed, bodyByteCount: body.count, epoch: 0).encode(into: &octets)
    octets.append(contentsOf: body)
    SignedTrailer.append(certificate: credentials.certificate.der, to: &octets)
    guard let signature = try? credentials.key.signature(for: octets) else { throw .signingFailed }
    SignedTrailer.append(signature: signature, to: &octets)
    return octets
  }

  mutating func openSigned(
    _ datagram: ArraySlice<UInt8>, _ header: ClusterHeader, at now: Instant, wallClock seconds: Int64
  ) throws(SecurityRefusal) -> ClusterMessage {
    let trailer: SignedTrailer
    do { trailer = try SignedTrailer(splitting: datagram, header: header) } catch { throw SecurityRefusal(error) }
    let run = SenderRun(member: header.sender, incarnation: header.incarnation)
    guard !peers.hasEnded(run) else { throw .oldIncarnation }
    try refuseReplay(signers.verdict(on: header.sequence, of: run))
    let certificate = try verifiedCertificate(Array(trailer.certificate), header.sender, at: now, wallClock: seconds)
    counters.signaturesChecked += 1
    guard certificate.key.isValidSignature(Array(trailer.signature), for: trailer.signedOctets) else { throw .badSignature }
    signers.record(header.sequence, of: run)
    return try Self.message(header, body: trailer.body)
  }

  func refuseReplay(_ verdict: ReplayWindow.Verdict) throws(SecurityRefusal) {
    switch verdict {
    case .new: return
    case .seen: throw .replayed
    case .tooOld: throw .tooOld
    }
  }

  private mutating func verifiedCertificate(
    _ der: [UInt8], _ sender: MemberIdentifier, at now: Instant, wallClock seconds: Int64
  ) throws(SecurityRefusal) -> ClusterCertificate {
    let certificate: ClusterCertificate
    if let known = certificates.certificate(der: der) {
      certificate = known
      try check(certificate, sender, wallClock: seconds)
      guard knownSignatures.take(at: now) else { throw .rateLimited }
    } else {
      guard strangers.take(at: now) else { throw .rateLimited }
      certificate = try newCertificate(der)
      try check(certificate, sender, wallClock: seconds)
    }
    return certificate
  }

  private mutating func newCertificate(_ der: [UInt8]) throws(SecurityRefusal) -> ClusterCertificate {
    let certificate: ClusterCertificate
    do { certificate = try ClusterCertificate(der: der) } catch { throw .malformed }
    guard credentials.authority.isNamed(by: certificate) else { throw .unknownAuthority }
    counters.signaturesChecked += 1
    guard credentials.authority.signed(certificate) else { throw .unknownAuthority }
    certificates.insert(certificate)
    return certificate
  }

  private func check(_ certificate: ClusterCertificate, _ sender: MemberIdentifier, wallClock seconds: Int64) throws(SecurityRefusal) {
    if let objection = credentials.authority.objection(to: certificate, revocations: revocations, at: seconds) {
      throw SecurityRefusal(objection)
    }
    guard certificate.owner.member == sender else { throw .wrongMember }
  }
}
