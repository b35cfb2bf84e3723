/// The packet path as an object for the kernel, compiled with the daemon and held in it.
///
/// Programs, all XDP: `skein_path`, the packet path, and the programs of `SKEIN_STAGES`, which go on with what it leaves them; `skein_pass`, lets
/// everything pass (for the peer of a virtual Ethernet pair); `skein_empty`, drops everything (the floor of a measurement).
/// Maps: those of `SKEIN_TABLES`, arrays that can be mapped, of the records of `CPacketPath`; the ring `upcalls` of `skein_upcall` records; and
/// `stages`, the programs that go on. The loader sets `max_entries` of the tables that are there for each possible CPU, and fills `stages`.
public enum KernelProgram {
  /// The name of the packet path's program.
  public static let pathProgram = "skein_path"
  /// The name of the program that lets everything pass.
  public static let passProgram = "skein_pass"
  /// The name of the program that does nothing.
  public static let emptyProgram = "skein_empty"

  /// The ELF object, decoded anew by each call; some tens of kilobytes.
  public static func object() -> [UInt8] {
    embeddedObject.withUTF8Buffer(decodeBase64)
  }
}

/// RFC 4648, 4. The input is the build's own: whatever is not of the alphabet ends it.
func decodeBase64(_ text: UnsafeBufferPointer<UInt8>) -> [UInt8] {
  var octets: [UInt8] = []
  octets.reserveCapacity(text.count / 4 * 3)
  var bits: UInt32 = 0
  var bitCount: UInt32 = 0
  for character in text {
    guard let digit = base64Digit(character) else { break }
    bits = bits << 6 | digit
    bitCount += 6
    if bitCount >= 8 {
      bitCount -= 8
      octets.append(UInt8(truncatingIfNeeded: bits >> bitCount))
    }
  }
  return octets
}

private func base64Digit(_ character: UInt8) -> UInt32? {
  switch character {
  case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(character - UInt8(ascii: "A"))
  case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(character - UInt8(ascii: "a")) + 26
  case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(character - UInt8(ascii: "0")) + 52
  case UInt8(ascii: "+"): 62
  case UInt8(ascii: "/"): 63
  default: nil
  }
}
