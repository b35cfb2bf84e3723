import Wire

/// Certificates whose authority's signature has been checked, so that a repeated join costs one verification and not two. Bounded: the one
/// unused for longest goes. Validity and revocation are checked each time all the same.
struct VerifiedCertificates {
  private var entries: [[UInt8]: (certificate: ClusterCertificate, lastUse: UInt64)] = [:]
  private var uses: UInt64 = 0
  private let limit: Int

  init(limit: Int) { self.limit = limit }

  var count: Int { entries.count }

  /// The certificate with these octets, if it has been verified.
  mutating func certificate(der: [UInt8]) -> ClusterCertificate? {
    guard let entry = entries[der] else { return nil }
    uses += 1
    entries[der]?.lastUse = uses
    return entry.certificate
  }

  /// The members that have shown a certificate which is not revoked.
  func members(besides revocations: RevocationList) -> Set<MemberIdentifier> {
    Set(entries.values.map(\.certificate).filter { !revocations.contains(serial: $0.serial) }.compactMap(\.owner.member))
  }

  mutating func insert(_ certificate: ClusterCertificate) {
    if entries.count >= limit, let oldest = entries.min(by: { $0.value.lastUse < $1.value.lastUse }) { entries[oldest.key] = nil }
    uses += 1
    entries[certificate.der] = (certificate, uses)
  }
}
