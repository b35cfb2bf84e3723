// The TCP header (RFC 9293).

/// A view of a TCP segment. Header and options are there once it exists; the checksum is not looked at until asked for.
public struct TcpSegment: Sendable {
  enum Field {
    static let sourcePort = 0
    static let destinationPort = 2
    static let sequence = 4
    static let acknowledgement = 8
    static let offset = 12
    static let flags = 13
    static let window = 14
    static let checksum = 16
    static let urgentPointer = 18
    static let options = 20
  }

  /// The whole segment.
  public let octets: ArraySlice<UInt8>
  let headerByteCount: Int

  /// Throws `truncated`, or `badValue` for a data offset below 5.
  public init(_ octets: ArraySlice<UInt8>) throws(WireError) {
    guard octets.count >= Field.options else { throw .truncated(needed: Field.options, available: octets.count) }
    headerByteCount = Int(octets.integer(at: Field.offset, UInt8.self) >> 4) * 4
    guard headerByteCount >= Field.options else { throw .badValue(field: "TCP data offset") }
    guard octets.count >= headerByteCount else { throw .truncated(needed: headerByteCount, available: octets.count) }
    self.octets = octets
  }

  /// The sender's port.
  public var sourcePort: UInt16 { octets.integer(at: Field.sourcePort) }
  /// The receiver's port.
  public var destinationPort: UInt16 { octets.integer(at: Field.destinationPort) }
  /// The number of the first octet.
  public var sequence: UInt32 { octets.integer(at: Field.sequence) }
  /// The number that the sender expects next.
  public var acknowledgement: UInt32 { octets.integer(at: Field.acknowledgement) }
  /// The control bits.
  public var flags: TcpFlags { TcpFlags(rawValue: octets.integer(at: Field.flags)) }
  /// The window as it stands there, not scaled.
  public var window: UInt16 { octets.integer(at: Field.window) }
  /// Where urgent data ends.
  public var urgentPointer: UInt16 { octets.integer(at: Field.urgentPointer) }
  /// The options, padding included.
  public var options: ArraySlice<UInt8> { octets.octets(Field.options..<headerByteCount) }
  /// What follows the header.
  public var payload: ArraySlice<UInt8> { octets.dropFirst(headerByteCount) }

  /// Whether the checksum matches.
  public func isChecksumRight(from source: InternetAddress, to destination: InternetAddress) -> Bool {
    InternetChecksum.value(of: octets, protocolNumber: .tcp, from: source, to: destination) == 0
  }
}

/// The eight control bits.
public struct TcpFlags: OptionSet, Hashable, Sendable {
  /// The octet.
  public var rawValue: UInt8
  /// Any octet.
  public init(rawValue: UInt8) { self.rawValue = rawValue }
  /// No more data from the sender.
  public static let fin = TcpFlags(rawValue: 0x01)
  /// Synchronize sequence numbers.
  public static let syn = TcpFlags(rawValue: 0x02)
  /// Reset.
  public static let rst = TcpFlags(rawValue: 0x04)
  /// Push.
  public static let psh = TcpFlags(rawValue: 0x08)
  /// The acknowledgement number is valid.
  public static let ack = TcpFlags(rawValue: 0x10)
  /// The urgent pointer is valid.
  public static let urg = TcpFlags(rawValue: 0x20)
  /// Congestion experienced was echoed (RFC 3168).
  public static let ece = TcpFlags(rawValue: 0x40)
  /// Congestion window reduced (RFC 3168).
  public static let cwr = TcpFlags(rawValue: 0x80)
}

extension TcpFlags: CustomStringConvertible {
  /// "SYN ACK".
  public var description: String {
    ["FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"].enumerated()
      .filter { rawValue >> UInt8($0.offset) & 1 == 1 }.map(\.element).joined(separator: " ")
  }
}

/// A TCP header as a value. The four reserved bits are dropped.
public struct TcpHeader: Hashable, Sendable {
  /// The sender's port.
  public var sourcePort: UInt16
  /// The receiver's port.
  public var destinationPort: UInt16
  /// The number of the first octet.
  public var sequence: UInt32
  /// The number that the sender expects next.
  public var acknowledgement: UInt32
  /// The control bits.
  public var flags: TcpFlags
  /// The window, not scaled.
  public var window: UInt16
  /// Where urgent data ends.
  public var urgentPointer: UInt16 = 0
  /// At most 40 octets, a multiple of 4.
  public var options: [UInt8] = []

  /// A header without options.
  public init(
    sourcePort: UInt16, destinationPort: UInt16, sequence: UInt32, acknowledgement: UInt32, flags: TcpFlags, window: UInt16
  ) {
    self.sourcePort = sourcePort
    self.destinationPort = destinationPort
    self.sequence = sequence
    self.acknowledgement = acknowledgement
    self.flags = flags
    self.window = window
  }

  /// The header that a view sees.
  public init(_ segment: TcpSegment) {
    self.init(
      sourcePort: segment.sourcePort, destinationPort: segment.destinationPort, sequence: segment.sequence,
      acknowledgement: segment.acknowledgement, flags: segment.flags, window: segment.window)
    urgentPointer = segment.urgentPointer
    options = Array(segment.options)
  }

  /// A whole segment with the right offset and checksum. Options that do not fit are a mistake of the caller.
  public func segment(
    carrying payload: some Collection<UInt8>, from source: InternetAddress, to destination: InternetAddress
  ) -> [UInt8] {
    precondition(options.count <= 40 && options.count % 4 == 0, "\(options.count) octets of TCP options")
    var octets: [UInt8] = []
    octets.append(integer: sourcePort)
    octets.append(integer: destinationPort)
    octets.append(integer: sequence)
    octets.append(integer: acknowledgement)
    octets.append(contentsOf: [UInt8((TcpSegment.Field.options + options.count) / 4) << 4, flags.rawValue])
    octets.append(integer: window)
    octets.append(contentsOf: [0, 0])
    octets.append(integer: urgentPointer)
    octets.append(contentsOf: options)
    octets.append(contentsOf: payload)
    let checksum = InternetChecksum.value(of: octets[...], protocolNumber: .tcp, from: source, to: destination)
    octets.replace(at: TcpSegment.Field.checksum, with: checksum)
    return octets
  }
}
