import Testing

@testable import bpfc

@Suite struct IntermediateCodeTests {
  private let code = IntermediateCode(
    text: """
      target datalayout = "e-m:e-p:64:64"
      target triple = "riscv64-none-none-eabi"
      @_swift1_autolink_entries = private constant [1 x i8] zeroinitializer, section ".swift1_autolink_entries"
      @llvm.used = appending global [1 x ptr] [ptr @entry], section "llvm.metadata"
      @table = weak_odr hidden constant [2 x i32] [i32 1, i32 2], comdat, align 4
      @settings = external global i8, align 1
      $shared = comdat any
      define protected swiftcc i32 @entry(ptr %0) #0 {
        %1 = call swiftcc i32 @"$s4body"(ptr %0) #1
        ret i32 %1
      }
      define linkonce_odr hidden swiftcc i32 @"$s4body"(ptr %0) #0 comdat($shared) {
        ret i32 1
      }
      attributes #0 = { noinline nounwind "target-cpu"="generic-rv64" }
      attributes #1 = { noinline }
      """)

  @Test func onlyTheEntriesAreSeen() throws {
    let lines = try code.retargeted(entries: ["entry"], section: "xdp").text.split(separator: "\n").map(String.init)
    #expect(
      lines == [
        "target datalayout = \"e-m:e-p:64:64\"",
        "target triple = \"bpfel\"",
        "@table = internal constant [2 x i32] [i32 1, i32 2], align 4",
        "@settings = external global i8, align 1",
        "define i32 @entry(ptr %0) #0 section \"xdp\" {",
        "  %1 = call i32 @\"$s4body\"(ptr %0) #1",
        "  ret i32 %1",
        "}",
        "define internal i32 @\"$s4body\"(ptr %0) #0 alwaysinline {",
        "  ret i32 1",
        "}",
        "attributes #0 = { nounwind \"no-jump-tables\"=\"true\" }",
        "attributes #1 = {  \"no-jump-tables\"=\"true\" }",
      ])
  }

  @Test func aMissingEntryIsRefused() {
    #expect(throws: IntermediateCode.Failure.self) { try code.retargeted(entries: ["entry", "other"], section: "xdp") }
  }

  @Test func anotherLayoutIsRefused() throws {
    let other = IntermediateCode(text: "target datalayout = \"E-m:e-p:64:64\"")
    #expect(throws: Never.self) { try code.checkLayout(isThatOf: code) }
    #expect(throws: IntermediateCode.Failure.self) { try code.checkLayout(isThatOf: other) }
    #expect(throws: IntermediateCode.Failure.self) { try IntermediateCode(text: "").checkLayout(isThatOf: code) }
  }
}

@Suite struct ObjectFileTests {
  /// An ELF object with one section besides its names.
  private func object(section: String, octetCount: UInt64) -> [UInt8] {
    func little(_ value: UInt64, _ count: Int) -> [UInt8] { (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * UInt64($0))) } }
    func header(name: UInt64, offset: UInt64, size: UInt64) -> [UInt8] {
      little(name, 4) + little(1, 4) + little(0, 16) + little(offset, 8) + little(size, 8) + little(0, 24)
    }
    let names = [0] + Array(section.utf8) + [0]
    let table = 64 + UInt64(names.count)
    let start: [UInt8] = [0x7f, 0x45, 0x4c, 0x46, 2, 1] + [UInt8](repeating: 0, count: 34)
    let fileHeader = start + little(table, 8) + little(0, 4) + little(64, 2) + little(0, 4) + little(64, 2) + little(2, 2) + little(1, 2)
    return fileHeader + names + header(name: 1, offset: 0, size: octetCount) + header(name: 0, offset: 64, size: UInt64(names.count))
  }

  @Test func programsAndMapsAreWanted() {
    for section in ["xdp", ".maps", "license", ".BTF"] {
      #expect(throws: Never.self) { try ObjectFile(octets: object(section: section, octetCount: 8)).check() }
    }
    #expect(throws: Never.self) { try ObjectFile(octets: object(section: ".text", octetCount: 0)).check() }
  }

  @Test func tablesAndCallsAreRefused() {
    for section in [".text", ".rodata", ".rodata.cst16", ".data", ".bss"] {
      #expect(throws: ObjectFile.Failure.self) { try ObjectFile(octets: object(section: section, octetCount: 8)).check() }
    }
  }

  @Test func whatIsNoObjectIsRefused() {
    #expect(throws: ObjectFile.Failure.self) { try ObjectFile(octets: []).check() }
    #expect(throws: ObjectFile.Failure.self) { try ObjectFile(octets: [UInt8](repeating: 0, count: 100)).check() }
  }
}
