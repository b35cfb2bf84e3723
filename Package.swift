// swift-tools-version: 6.2
// Skein: a few ordinary Linux machines as one network appliance. DESIGN.md draws the floors.
import PackageDescription

/// Every Swift target: Swift 6 mode, explicit existentials, imports where they are used, no warning left standing. Tests see into the
/// rooms in release builds too, so that one build serves the program, the simulator at full speed, and the tests.
let house: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .treatAllWarnings(as: .error),
  .unsafeFlags(["-enable-testing"]),
]

/// The program carries Swift's own libraries, so that it runs where no Swift is: a matter of linking alone, and so the program and the tests,
/// which do not, share what was compiled. The libraries named are what Foundation's archives need of each other. Nothing is looked up in the
/// program by name: without that promise the linker leaves out what nobody calls.
let selfContained: [LinkerSetting] = [
  .unsafeFlags(["-static-stdlib", "-Xlinker", "--no-export-dynamic"]),
  .linkedLibrary("CoreFoundation"), .linkedLibrary("_FoundationICU"), .linkedLibrary("_FoundationCShims"),
  .linkedLibrary("_FoundationCollections"),
]

let crypto: Target.Dependency = .product(name: "Crypto", package: "swift-crypto")
let x509: Target.Dependency = .product(name: "X509", package: "swift-certificates")
let asn1: Target.Dependency = .product(name: "SwiftASN1", package: "swift-asn1")

let package = Package(
  name: "skein",
  products: [.executable(name: "skein", targets: ["skein"])],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-asn1", from: "1.7.4"),
    .package(url: "https://github.com/apple/swift-certificates", from: "1.21.1"),
    .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
    .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
    .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1", traits: []),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
  ],
  targets: [
    // The packet path: the same sources natively and, by the plugin, for the kernel.
    .target(name: "CPacketPath", exclude: ["maps.bpf.c"]),
    .target(name: "PacketPath", dependencies: ["CPacketPath"], swiftSettings: house),
    .target(name: "PacketPathCases", dependencies: ["CPacketPath", "PacketPath"], swiftSettings: house),
    .executableTarget(name: "bpfc", path: "Tools/bpfc", swiftSettings: house),
    .plugin(name: "CompileKernelProgram", capability: .buildTool(), dependencies: ["bpfc"]),
    .target(name: "KernelProgram", exclude: ["Kernel"], swiftSettings: house, plugins: ["CompileKernelProgram"]),

    // Protocols, decision makers, simulation: values without clocks, sockets or randomness of their own.
    .target(name: "Wire", swiftSettings: house),
    .target(name: "Cluster", dependencies: ["Wire"], swiftSettings: house),
    .target(name: "Gateway", dependencies: ["Wire"], swiftSettings: house),
    .target(name: "Segments", dependencies: ["Wire"], swiftSettings: house),
    .target(name: "Host", dependencies: ["Cluster", "CPacketPath", "Gateway", "PacketPath", "Segments", "Wire"], swiftSettings: house),
    .target(
      name: "Simulation", dependencies: ["Cluster", "CPacketPath", "Gateway", "Host", "PacketPath", "Wire"], swiftSettings: house),
    .target(name: "Credentials", dependencies: ["Wire", asn1, crypto, x509], swiftSettings: house),

    // The machine.
    .target(name: "CLinux", linkerSettings: [.linkedLibrary("bpf"), .linkedLibrary("elf"), .linkedLibrary("z")]),
    .target(name: "Linux", dependencies: ["CLinux", "CPacketPath", "Wire"], swiftSettings: house),
    .target(
      name: "Node",
      dependencies: [
        "CLinux", "Cluster", "Credentials", "CPacketPath", "Gateway", "Host", "KernelProgram", "Linux", "PacketPath", "Segments",
        "Wire",
        crypto,
        .product(name: "HTTPTypes", package: "swift-http-types"),
        .product(name: "Hummingbird", package: "hummingbird"),
        .product(name: "HummingbirdCore", package: "hummingbird"),
        .product(name: "Logging", package: "swift-log"),
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOHTTP1", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"),
        .product(name: "Yams", package: "Yams"),
      ], swiftSettings: house),
    .target(
      name: "Bench",
      dependencies: ["CLinux", "CPacketPath", "KernelProgram", "Linux", "PacketPath", "PacketPathCases", "Simulation", "Wire"],
      swiftSettings: house),
    .target(name: "CLab"),
    .target(name: "Lab", dependencies: ["CLab"], swiftSettings: house),
    .executableTarget(
      name: "skein",
      dependencies: [
        "Bench", "Cluster", "Credentials", "Gateway", "Lab", "Linux", "Node", "Simulation", "Wire",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ], swiftSettings: house, linkerSettings: selfContained),

    .target(
      name: "CPacketPathTestSupport", dependencies: ["CPacketPath"], path: "Tests/CPacketPathTestSupport",
      linkerSettings: [.linkedLibrary("bpf")]),
    .testTarget(name: "bpfcTests", dependencies: ["bpfc"], swiftSettings: house),
    .testTarget(name: "HouseTests", swiftSettings: house),
    .testTarget(
      name: "PacketPathTests",
      dependencies: ["CPacketPath", "PacketPath", "PacketPathCases", "KernelProgram", "CPacketPathTestSupport"], swiftSettings: house),
    .testTarget(name: "WireTests", dependencies: ["Wire"], swiftSettings: house),
    .testTarget(name: "ClusterTests", dependencies: ["Cluster", "Wire"], swiftSettings: house),
    .testTarget(name: "GatewayTests", dependencies: ["Gateway", "Wire"], swiftSettings: house),
    .testTarget(name: "SegmentsTests", dependencies: ["Segments", "Wire"], swiftSettings: house),
    .testTarget(
      name: "HostTests",
      dependencies: ["Cluster", "CPacketPath", "Gateway", "Host", "PacketPath", "PacketPathCases", "Segments", "Wire"], swiftSettings: house
    ),
    .testTarget(name: "SimulationTests", dependencies: ["Cluster", "Gateway", "Simulation", "Wire"], swiftSettings: house),
    .testTarget(name: "CredentialsTests", dependencies: ["Credentials", "Wire", asn1, crypto, x509], swiftSettings: house),
    .testTarget(name: "LinuxTests", dependencies: ["CLinux", "CPacketPath", "Linux", "Wire"], swiftSettings: house),
    .testTarget(name: "LabTests", dependencies: ["Lab"], swiftSettings: house),
    .testTarget(
      name: "NodeTests",
      dependencies: [
        "CPacketPath", "Cluster", "Credentials", "Gateway", "Host", "Linux", "Node", "PacketPath", "Segments", "Simulation", "Wire",
        .product(name: "Logging", package: "swift-log"), .product(name: "NIOCore", package: "swift-nio"),
      ], swiftSettings: house),
    .testTarget(name: "BenchTests", dependencies: ["Bench", "Wire"], swiftSettings: house),
  ]
)
