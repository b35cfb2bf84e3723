import Foundation
import PackagePlugin

/// Compiles the packet path for the kernel within `swift build`, and hands the object to the target as a Swift file.
///
/// The sources are those of PacketPath, which the package also builds natively, and the entry points in KernelProgram/Kernel.
@main
struct CompileKernelProgram: BuildToolPlugin {
  struct TargetMissing: Error, CustomStringConvertible {
    let name: String
    var description: String { "the package has no target \(name)" }
  }

  func createBuildCommands(context: PluginContext, target: any Target) async throws -> [Command] {
    let records = try directory(of: "CPacketPath", in: context)
    let sources =
      try files(in: try directory(of: "PacketPath", in: context), suffix: ".swift")
      + files(in: target.directoryURL.appending(path: "Kernel"), suffix: ".swift")
    let include = records.appending(path: "include")
    let maps = records.appending(path: "maps.bpf.c")
    let output = context.pluginWorkDirectoryURL.appending(path: "EmbeddedObject.swift")
    let swiftc = try context.tool(named: "swiftc").url
    let clang = try context.tool(named: "clang").url
    let arguments = [
      "--swiftc", swiftc.path(), "--clang", clang.path(), "--include", include.path(), "--maps", maps.path(),
      "--work", context.pluginWorkDirectoryURL.appending(path: "work").path(), "--output", output.path(),
      "--entry", "skein_path", "--entry", "skein_whole", "--entry", "skein_forwarder", "--entry", "skein_virtual", "--entry",
      "skein_measured", "--entry", "skein_measured_floor", "--entry", "skein_empty",
      "--entry", "skein_pass",
    ]
    return [
      .buildCommand(
        displayName: "Compiling the kernel program",
        executable: try context.tool(named: "bpfc").url,
        arguments: arguments + sources.map { $0.path() },
        inputFiles: try sources + files(in: include, suffix: "") + [maps],
        outputFiles: [output])
    ]
  }

  private func directory(of name: String, in context: PluginContext) throws -> URL {
    guard let target = context.package.targets.first(where: { $0.name == name }) else { throw TargetMissing(name: name) }
    return target.directoryURL
  }

  private func files(in directory: URL, suffix: String) throws -> [URL] {
    try FileManager.default.contentsOfDirectory(at: directory, includingPropertiesForKeys: nil)
      .filter { $0.lastPathComponent.hasSuffix(suffix) }
      .sorted { $0.path() < $1.path() }
  }
}
