// swift-tools-version: 6.2
// Skein: a few ordinary Linux machines as one network appliance. DESIGN.md draws the floors.
import PackageDescription

/// Every Swift target: Swift 6 mode, explicit existentials, imports where they are used, no warning left standing.
let house: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .treatAllWarnings(as: .error),
]

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
    .target(name: "CPacketPath", exclude: ["maps.bpf.c"]),
    .target(name: "PacketPath", dependencies: ["CPacketPath"], swiftSettings: house),
    .executableTarget(name: "bpfc", path: "Tools/bpfc", swiftSettings: house),
    .plugin(name: "CompileKernelProgram", capability: .buildTool(), dependencies: ["bpfc"]),
    .target(name: "KernelProgram", exclude: ["Kernel"], swiftSettings: house, plugins: ["CompileKernelProgram"]),
    .target(name: "Wire", swiftSettings: house),
    .target(name: "Cluster", dependencies: ["Wire"], swiftSettings: house),
    .target(name: "Simulation", dependencies: ["Cluster", "Wire"], swiftSettings: house),
    .target(
      name: "Credentials",
      dependencies: [
        "Wire",
        .product(name: "Crypto", package: "swift-crypto"),
        .product(name: "SwiftASN1", package: "swift-asn1"),
        .product(name: "X509", package: "swift-certificates"),
      ], swiftSettings: house),
    .target(name: "CLinux", linkerSettings: [.linkedLibrary("bpf"), .linkedLibrary("elf"), .linkedLibrary("z")]),
    .target(name: "Linux", dependencies: ["CLinux", "CPacketPath", "Wire"], swiftSettings: house),
    .target(name: "Lab", dependencies: ["Linux", "Wire"], swiftSettings: house),
    .target(
      name: "Node",
      dependencies: [
        "Cluster", "Credentials", "CPacketPath", "KernelProgram", "Linux", "PacketPath", "Wire",
        .product(name: "HTTPTypes", package: "swift-http-types"),
        .product(name: "Hummingbird", package: "hummingbird"),
        .product(name: "Logging", package: "swift-log"),
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOHTTP1", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"),
        .product(name: "Yams", package: "Yams"),
      ], swiftSettings: house),
    .executableTarget(
      name: "skein",
      dependencies: [
        "Cluster", "Credentials", "Lab", "Linux", "Node", "PacketPath", "Simulation", "Wire",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ], swiftSettings: house),
    .testTarget(name: "HouseTests", swiftSettings: house),
    .testTarget(name: "WireTests", dependencies: ["Wire"], swiftSettings: house),
    .testTarget(name: "ClusterTests", dependencies: ["Cluster", "Wire"], swiftSettings: house),
    .testTarget(name: "SimulationTests", dependencies: ["Cluster", "Simulation", "Wire"], swiftSettings: house),
    .testTarget(name: "CredentialsTests", dependencies: ["Credentials", "Wire"], swiftSettings: house),
    .testTarget(name: "LinuxTests", dependencies: ["CLinux", "Linux", "Wire"], swiftSettings: house),
    .testTarget(name: "LabTests", dependencies: ["Lab", "Wire"], swiftSettings: house),
    .testTarget(name: "NodeTests", dependencies: ["Node", "Wire"], swiftSettings: house),
  ]
)
