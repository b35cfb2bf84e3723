import CLinux

/// A netlink message being written: header, fixed part, attributes, all aligned to four octets.
struct NetlinkMessage {
  private(set) var bytes: [UInt8] = []
  private static let headerByteCount = MemoryLayout<nlmsghdr>.size

  init(_ type: Int, flags: Int32, body: some BitwiseCopyable) {
    let header = nlmsghdr(
      nlmsg_len: 0, nlmsg_type: UInt16(type), nlmsg_flags: UInt16(NLM_F_REQUEST | flags), nlmsg_seq: 0, nlmsg_pid: 0)
    append(header)
    append(body)
    finish()
  }

  /// The number that the answer will carry.
  mutating func number(_ sequence: UInt32) { write(sequence, at: 8) }

  mutating func add(_ attribute: Int, _ value: [UInt8]) {
    append(rtattr(rta_len: UInt16(MemoryLayout<rtattr>.size + value.count), rta_type: UInt16(attribute)))
    bytes += value
    finish()
  }

  mutating func add(_ attribute: Int, _ value: UInt32) { add(attribute, withUnsafeBytes(of: value) { Array($0) }) }

  mutating func add(_ attribute: Int, _ text: String) { add(attribute, Array(text.utf8) + [0]) }

  private mutating func append(_ value: some BitwiseCopyable) {
    withUnsafeBytes(of: value) { bytes.append(contentsOf: $0) }
  }

  private mutating func finish() {
    while bytes.count % 4 != 0 { bytes.append(0) }
    write(UInt32(bytes.count), at: 0)
  }

  private mutating func write(_ value: UInt32, at offset: Int) {
    withUnsafeBytes(of: value) { bytes.replaceSubrange(offset..<offset + 4, with: $0) }
  }
}

/// One received message. A view over the receive buffer, valid only as long as that; everything is bounds-checked.
struct NetlinkReply {
  let header: nlmsghdr
  /// What follows the header.
  let body: UnsafeRawBufferPointer

  /// The messages of one datagram, up to the first that does not fit.
  static func all(in buffer: UnsafeRawBufferPointer) -> [NetlinkReply] {
    var rest = buffer[...]
    var replies: [NetlinkReply] = []
    let headerByteCount = MemoryLayout<nlmsghdr>.size
    while rest.count >= headerByteCount {
      let header = UnsafeRawBufferPointer(rebasing: rest).loadUnaligned(as: nlmsghdr.self)
      let length = Int(header.nlmsg_len)
      guard length >= headerByteCount, length <= rest.count else { break }
      replies.append(NetlinkReply(header: header, body: UnsafeRawBufferPointer(rebasing: rest.prefix(length).dropFirst(headerByteCount))))
      rest = rest.dropFirst((length + 3) & ~3)
    }
    return replies
  }

  /// The fixed part; nil when the message is too short for it.
  func fixed<Fixed: BitwiseCopyable>(_: Fixed.Type) -> Fixed? {
    body.count >= MemoryLayout<Fixed>.size ? body.loadUnaligned(as: Fixed.self) : nil
  }

  /// The attributes behind the fixed part.
  func attributes(after fixed: Int) -> NetlinkAttributes { NetlinkAttributes(body.dropFirst((fixed + 3) & ~3)) }

  /// The error that an NLMSG_ERROR or NLMSG_DONE carries; 0 is success.
  var errorCode: Int32 { body.count >= 4 ? body.loadUnaligned(as: Int32.self) : 0 }

  /// What the kernel said about the error beyond its number (extended acknowledgement).
  var errorText: String? {
    let acknowledgementTLVs: UInt16 = 0x200
    guard header.nlmsg_flags & acknowledgementTLVs != 0, body.count >= 4 + MemoryLayout<nlmsghdr>.size else { return nil }
    let isCapped = header.nlmsg_flags & 0x100 != 0
    let request = body.loadUnaligned(fromByteOffset: 4, as: nlmsghdr.self)
    let quoted = isCapped ? MemoryLayout<nlmsghdr>.size : Int(request.nlmsg_len)
    return attributes(after: 4 + quoted).text(1)  // NLMSGERR_ATTR_MSG
  }
}

/// The attributes of a message by their number.
struct NetlinkAttributes {
  private var values: [UInt16: UnsafeRawBufferPointer] = [:]

  init(_ bytes: Slice<UnsafeRawBufferPointer>) {
    var rest = bytes
    while rest.count >= 4 {
      let header = UnsafeRawBufferPointer(rebasing: rest).loadUnaligned(as: rtattr.self)
      let length = Int(header.rta_len)
      guard length >= 4, length <= rest.count else { return }
      // The two highest bits say "nested" and "network order".
      values[header.rta_type & 0x3fff] = UnsafeRawBufferPointer(rebasing: rest.prefix(length).dropFirst(4))
      rest = rest.dropFirst((length + 3) & ~3)
    }
  }

  func bytes(_ attribute: Int) -> UnsafeRawBufferPointer? { values[UInt16(attribute)] }

  func integer(_ attribute: Int) -> UInt32? {
    guard let value = bytes(attribute), value.count >= 4 else { return nil }
    return value.loadUnaligned(as: UInt32.self)
  }

  func text(_ attribute: Int) -> String? { bytes(attribute).map { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) } }
}
