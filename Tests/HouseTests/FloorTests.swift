import Foundation
import Testing

/// The house's floors (DESIGN.md): a room imports only what lies below it.
@Suite struct FloorTests {
  /// Each room, lowest first, with the rooms of this package it may import.
  static let floors: [(room: String, mayImport: Set<String>)] = [
    ("CPacketPath", []),
    ("PacketPath", ["CPacketPath"]),
    ("KernelProgram", ["CPacketPath", "PacketPath"]),
    ("PacketPathCases", ["CPacketPath", "PacketPath"]),
    ("Wire", []),
    ("Cluster", ["Wire"]),
    ("Gateway", ["Wire"]),
    ("Segments", ["Wire"]),
    ("Host", ["CPacketPath", "PacketPath", "Wire", "Cluster", "Gateway", "Segments"]),
    ("Credentials", ["Wire"]),
    ("Simulation", ["CPacketPath", "PacketPath", "Wire", "Cluster", "Gateway", "Host"]),
    ("CLinux", []),
    ("Linux", ["Wire", "CPacketPath", "CLinux"]),
    (
      "Bench",
      ["Wire", "CPacketPath", "PacketPath", "PacketPathCases", "KernelProgram", "Cluster", "Simulation", "CLinux", "Linux"]
    ),
    ("CLab", []),
    ("Lab", ["CLab"]),
    (
      "Node",
      ["Wire", "CPacketPath", "PacketPath", "KernelProgram", "Cluster", "Gateway", "Segments", "Host", "Credentials", "Linux", "CLinux"]
    ),
    (
      "skein",
      [
        "Wire", "CPacketPath", "PacketPath", "PacketPathCases", "KernelProgram", "Cluster", "Credentials", "Gateway", "Simulation",
        "Linux", "Lab", "Node", "Bench",
      ]
    ),
  ]
  /// The rooms of decision makers and below: the standard library and nothing else from outside.
  static let pure: Set<String> = ["PacketPath", "PacketPathCases", "Wire", "Cluster", "Gateway", "Segments", "Host", "Simulation"]

  static let sources = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().appending(path: "Sources")

  /// The modules that each Swift file of a room imports.
  static func imports(of room: String) throws -> [(file: String, module: String)] {
    let files = FileManager.default.enumerator(at: sources.appending(path: room), includingPropertiesForKeys: nil)
    return try (files?.compactMap { $0 as? URL } ?? []).filter { $0.pathExtension == "swift" }.flatMap { file in
      try String(contentsOf: file, encoding: .utf8).split(separator: "\n").compactMap { line in
        guard
          let match = line.firstMatch(
            of: /^\s*(?:@\w+(?:\([^)]*\))?\s+)*(?:public\s+|internal\s+|package\s+)?import\s+(?:struct\s+|func\s+|enum\s+|class\s+)?(\w+)/)
        else { return nil }
        return (file.lastPathComponent, String(match.1))
      }
    }
  }

  @Test(arguments: floors.map(\.room))
  func aRoomImportsOnlyDownward(_ room: String) throws {
    let rooms = Set(Self.floors.map(\.room))
    let allowed = try #require(Self.floors.first { $0.room == room }).mayImport
    for (file, module) in try Self.imports(of: room) where rooms.contains(module) && module != room {
      #expect(allowed.contains(module), "\(room)/\(file) imports \(module), which is not below it")
    }
  }

  @Test(arguments: pure.sorted())
  func aDecisionMakerImportsNothingFromOutside(_ room: String) throws {
    let rooms = Set(Self.floors.map(\.room))
    for (file, module) in try Self.imports(of: room) where !rooms.contains(module) {
      Issue.record("\(room)/\(file) imports \(module); decision makers take time and randomness as arguments and do no I/O")
    }
  }

  @Test func everyRoomIsOnAFloor() throws {
    let rooms = try FileManager.default.contentsOfDirectory(atPath: Self.sources.path(percentEncoded: false))
    for room in rooms where room.first != "." { #expect(Self.floors.contains { $0.room == room }, "\(room) has no place in the floors") }
  }
}
