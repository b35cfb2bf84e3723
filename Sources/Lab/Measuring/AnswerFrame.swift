import Foundation

/// What the lab needs to know of a frame that the client received: who sent it and what it answers.
///
/// The lab checks the packet path, so it takes frames apart by itself and shares no code with it.
/// Answers come from ordinary sockets: IPv4 without fragments, IPv6 without extension headers. Anything else is nil.
struct AnswerFrame: Equatable {
  enum Transport: Equatable {
    case udp(payload: Range<Int>)
    case tcp(flags: UInt8, sequence: UInt32, acknowledged: UInt32)
  }

  /// The sender's Ethernet address: tells one member from another even where both say the same.
  let hardwareSource: UInt64
  let source: [UInt8]
  let destination: [UInt8]
  let sourcePort: UInt16
  let destinationPort: UInt16
  let transport: Transport

  static let synchronize: UInt8 = 0x02
  static let acknowledge: UInt8 = 0x10

  init?(_ frame: UnsafeRawBufferPointer) {
    guard frame.count >= 34 else { return nil }
    func sixteen(_ offset: Int) -> UInt16 { frame.loadUnaligned(fromByteOffset: offset, as: UInt16.self).bigEndian }

    let protocolNumber: UInt8
    let transportStart: Int
    switch sixteen(12) {
    case 0x0800:
      guard sixteen(20) & 0x3fff == 0 else { return nil }
      protocolNumber = frame[23]
      transportStart = 14 + Int(frame[14] & 0xf) * 4
      source = Array(frame[26..<30])
      destination = Array(frame[30..<34])
    case 0x86dd:
      guard frame.count >= 54 else { return nil }
      protocolNumber = frame[20]
      transportStart = 54
      source = Array(frame[22..<38])
      destination = Array(frame[38..<54])
    default:
      return nil
    }
    guard frame.count >= transportStart + (protocolNumber == 6 ? 20 : 8) else { return nil }
    switch protocolNumber {
    case 6:
      func thirtyTwo(_ offset: Int) -> UInt32 { UInt32(sixteen(offset)) << 16 | UInt32(sixteen(offset + 2)) }
      transport = .tcp(
        flags: frame[transportStart + 13], sequence: thirtyTwo(transportStart + 4), acknowledged: thirtyTwo(transportStart + 8))
    case 17:
      let end = transportStart + Int(sixteen(transportStart + 4))
      guard end >= transportStart + 8, end <= frame.count else { return nil }
      transport = .udp(payload: transportStart + 8..<end)
    default:
      return nil
    }
    sourcePort = sixteen(transportStart)
    destinationPort = sixteen(transportStart + 2)
    hardwareSource = frame[6..<12].number
  }
}
