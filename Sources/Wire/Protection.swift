// The two ways a datagram ends. Which octets they are is settled here; what is in them is `Credentials`' business.

/// A signed datagram taken apart: `header | body | certificate length | certificate | signature length | signature`.
public struct SignedTrailer: Hashable, Sendable {
  /// The message body, in clear.
  public let body: ArraySlice<UInt8>
  /// The sender's certificate, DER.
  public let certificate: ArraySlice<UInt8>
  /// The signature over `signedOctets`; its form is the algorithm's.
  public let signature: ArraySlice<UInt8>
  /// What the signature covers: everything before its own length, the header included.
  public let signedOctets: ArraySlice<UInt8>

  /// Splits a whole datagram whose header has been decoded.
  public init(splitting datagram: ArraySlice<UInt8>, header: ClusterHeader) throws(WireError) {
    guard header.protection == .signed else { throw .badValue(field: "protection") }
    var reader = OctetReader(datagram)
    _ = try reader.octets(ClusterHeader.byteCount)
    body = try reader.octets(header.bodyByteCount)
    certificate = try reader.countedOctets(limit: ClusterLimits.certificateByteCount)
    signedOctets = datagram.prefix(datagram.count - reader.rest.count)
    signature = try reader.countedOctets(limit: ClusterLimits.signatureByteCount)
    guard !certificate.isEmpty else { throw .badValue(field: "certificate") }
    guard !signature.isEmpty else { throw .badValue(field: "signature") }
    try reader.end()
  }

  /// Appends the certificate to a header and body; what `octets` then holds is what is to be signed.
  public static func append(certificate: some Collection<UInt8>, to octets: inout [UInt8]) {
    octets.append(counted: certificate, limit: ClusterLimits.certificateByteCount)
  }

  /// Appends the signature, which completes the datagram.
  public static func append(signature: some Collection<UInt8>, to octets: inout [UInt8]) {
    octets.append(counted: signature, limit: ClusterLimits.signatureByteCount)
  }
}

/// A sealed datagram taken apart: `header | ciphertext | tag`.
public struct SealedTrailer: Hashable, Sendable {
  /// The header's octets.
  public let associatedData: ArraySlice<UInt8>
  /// The sealed body, as long as the body.
  public let ciphertext: ArraySlice<UInt8>
  /// The authentication tag, 16 octets.
  public let tag: ArraySlice<UInt8>

  /// Splits a whole datagram whose header has been decoded.
  public init(splitting datagram: ArraySlice<UInt8>, header: ClusterHeader) throws(WireError) {
    guard header.protection == .sealed else { throw .badValue(field: "protection") }
    var reader = OctetReader(datagram)
    associatedData = try reader.octets(ClusterHeader.byteCount)
    ciphertext = try reader.octets(header.bodyByteCount)
    tag = try reader.octets(ClusterLimits.tagByteCount)
    try reader.end()
  }
}
