/// An ELF object, as far as it must be looked at: it must hold nothing that the kernel would not get.
///
/// A lookup table that the optimiser made of a `switch`, or a function that was not inlined, would be a section of its own, which the
/// loader turns into one more map or a program without type information. Better the build stops and names it.
struct ObjectFile {
  let octets: [UInt8]

  enum Failure: Error, CustomStringConvertible {
    case notAnObject
    case unwanted(section: String, octetCount: UInt64)

    var description: String {
      switch self {
      case .notAnObject: "clang produced no 64-bit little-endian ELF object"
      case .unwanted(let section, let octetCount):
        "the kernel program has \(octetCount) octets in section \(section): a constant table or a function that was not inlined"
      }
    }
  }

  /// Fails when a section that the kernel program must not have is there.
  func check() throws {
    guard octets.starts(with: [0x7f, 0x45, 0x4c, 0x46, 2, 1]), octets.count >= 64 else { throw Failure.notAnObject }
    let table = integer(at: 40, octets: 8)
    let size = integer(at: 58, octets: 2)
    let names = integer(at: Int(table + integer(at: 62, octets: 2) * size) + 24, octets: 8)
    for index in 0..<integer(at: 60, octets: 2) {
      let header = Int(table + index * size)
      let name = string(at: Int(names + integer(at: header, octets: 4)))
      let octetCount = integer(at: header + 32, octets: 8)
      // The tables have sections of their own behind `.data`.
      let isUnwanted = name == ".data" || [".text", ".rodata", ".bss"].contains { name == $0 || name.hasPrefix($0 + ".") }
      if isUnwanted && octetCount > 0 { throw Failure.unwanted(section: name, octetCount: octetCount) }
    }
  }

  private func integer(at offset: Int, octets count: Int) -> UInt64 {
    guard offset >= 0, offset + count <= octets.count else { return 0 }
    return octets[offset..<offset + count].reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }

  private func string(at offset: Int) -> String {
    guard offset >= 0, offset < octets.count else { return "" }
    return String(decoding: octets[offset...].prefix { $0 != 0 }, as: UTF8.self)
  }
}
