/// What the lab needs to know of a frame that a client received: who sent it and what it answers, on a TCP connection.
///
/// The lab checks the packet path, so it takes frames apart by itself and shares no code with it.
/// Answers come from ordinary sockets: IPv4 without fragments, IPv6 without extension headers. Anything else is nil.
struct AnswerFrame: Equatable {
  /// The sender's Ethernet address: tells one member from another even where both say the same.
  let hardwareSource: UInt64
  let destination: [UInt8]
  let sourcePort: UInt16
  let destinationPort: UInt16
  let flags: UInt8
  let sequence: UInt32
  let acknowledged: UInt32

  static let synchronize: UInt8 = 0x02
  static let acknowledge: UInt8 = 0x10

  init?(_ frame: UnsafeRawBufferPointer) {
    guard frame.count >= 34 else { return nil }
    let start: Int
    switch frame[12..<14].number {
    case 0x0800 where frame[20..<22].number & 0x3fff == 0 && frame[23] == 6:
      start = 14 + Int(frame[14] & 0xf) * 4
      destination = Array(frame[30..<34])
    case 0x86dd where frame.count >= 54 && frame[20] == 6:
      start = 54
      destination = Array(frame[38..<54])
    default: return nil
    }
    guard frame.count >= start + 20 else { return nil }
    hardwareSource = frame[6..<12].number
    sourcePort = UInt16(frame[start..<start + 2].number)
    destinationPort = UInt16(frame[start + 2..<start + 4].number)
    sequence = UInt32(frame[start + 4..<start + 8].number)
    acknowledged = UInt32(frame[start + 8..<start + 12].number)
    flags = frame[start + 13]
  }
}
