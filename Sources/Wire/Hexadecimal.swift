/// Octets as hexadecimal text and back.
public enum Hexadecimal {
  /// Two lowercase digits for each octet, without separators.
  public static func text(of octets: some Sequence<UInt8>) -> String {
    var text = ""
    for octet in octets { text += Hexadecimal.text(of: octet) }
    return text
  }

  /// The number with all its leading zeros.
  public static func text<Number: FixedWidthInteger & UnsignedInteger>(of number: Number) -> String {
    let digits = String(number, radix: 16)
    return String(repeating: "0", count: Number.bitWidth / 4 - digits.count) + digits
  }

  /// The octets that `text` spells. White space and colons may stand anywhere; `#` starts a comment that ends with its line.
  /// Nil when there is anything else in it, or half an octet.
  public static func octets(of text: String) -> [UInt8]? {
    var octets: [UInt8] = []
    var half: UInt8?
    var isComment = false
    for character in text {
      if character.isNewline { isComment = false }
      if character == "#" { isComment = true }
      if isComment || character.isWhitespace || character == ":" { continue }
      guard let digit = digit(character) else { return nil }
      if let high = half { octets.append(high << 4 | digit) }
      half = half == nil ? digit : nil
    }
    return half == nil ? octets : nil
  }

  static func digit(_ character: Character) -> UInt8? {
    guard let code = character.asciiValue else { return nil }
    switch code {
    case 0x30...0x39: return code - 0x30
    case 0x41...0x46: return code - 0x41 + 10
    case 0x61...0x66: return code - 0x61 + 10
    default: return nil
    }
  }

  /// The number that one to `digitLimit` hexadecimal digits, and nothing else, spell.
  static func number(_ text: some StringProtocol, digitLimit: Int) -> UInt64? {
    guard !text.isEmpty, text.count <= digitLimit else { return nil }
    var number: UInt64 = 0
    for character in text {
      guard let digit = digit(character) else { return nil }
      number = number << 4 | UInt64(digit)
    }
    return number
  }
}
