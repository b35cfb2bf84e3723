/// A numbered question and its answer, as a UDP payload. Integers in network byte order:
///
///     0      4      8     10       12       16         24
///     | SKPB | run  | flow | member | spare | sequence |
///
/// `member` is 0 in a question; who answers puts its own number there and sends the rest back.
struct ProbeMessage: Hashable, Sendable {
  static let octetCount = 24
  static let port: UInt16 = 7777
  private static let magic: UInt32 = 0x534b_5042

  /// Drawn anew by every prober, so that a late answer to an earlier one counts for nobody.
  var run: UInt32
  var flow: UInt16
  var member: UInt16 = 0
  var sequence: UInt64

  init(run: UInt32, flow: UInt16, sequence: UInt64) {
    self.run = run
    self.flow = flow
    self.sequence = sequence
  }

  /// - Returns: nil if the payload is not a probe's.
  init?(_ payload: UnsafeRawBufferPointer) {
    guard payload.count >= Self.octetCount, payload.loadUnaligned(as: UInt32.self).bigEndian == Self.magic else { return nil }
    run = payload.loadUnaligned(fromByteOffset: 4, as: UInt32.self).bigEndian
    flow = payload.loadUnaligned(fromByteOffset: 8, as: UInt16.self).bigEndian
    member = payload.loadUnaligned(fromByteOffset: 10, as: UInt16.self).bigEndian
    sequence = payload.loadUnaligned(fromByteOffset: 16, as: UInt64.self).bigEndian
  }

  /// The probe that a frame carries as a UDP datagram, which may be cut short behind it.
  /// - Parameter port: which it must come from.
  /// - Returns: nil if the frame carries none.
  init?(frame: UnsafeRawBufferPointer, from port: UInt16? = nil) {
    let start: Int
    guard frame.count >= 42 else { return nil }
    switch frame[12..<14].number {
    case 0x0800 where frame[14] == 0x45 && frame[23] == 17: start = 42
    case 0x86dd where frame[20] == 17: start = 62
    default: return nil
    }
    guard frame.count >= start + Self.octetCount, port == nil || frame[start - 8..<start - 6].number == UInt64(port ?? 0) else {
      return nil
    }
    self.init(UnsafeRawBufferPointer(rebasing: frame[start...]))
  }

  /// - Parameter payload: at least `octetCount` octets.
  func write(to payload: UnsafeMutableRawBufferPointer) {
    payload.storeBytes(of: Self.magic.bigEndian, as: UInt32.self)
    payload.storeBytes(of: run.bigEndian, toByteOffset: 4, as: UInt32.self)
    payload.storeBytes(of: flow.bigEndian, toByteOffset: 8, as: UInt16.self)
    payload.storeBytes(of: member.bigEndian, toByteOffset: 10, as: UInt16.self)
    payload.storeBytes(of: 0, toByteOffset: 12, as: UInt32.self)
    payload.storeBytes(of: sequence.bigEndian, toByteOffset: 16, as: UInt64.self)
  }
}
