import CLinux
import Glibc
import Wire

/// Keeps the kernel's own stack from what the packet socket processes: frames to the cluster addresses on an interface, ARP requests and
/// neighbour solicitations for them. Packet sockets see a frame before this guard drops it.
/// It is a table of the nftables family `netdev`, hooked at ingress, and outlives the daemon: a machine whose daemon died stays silent.
public enum StackGuard {
  /// Installs the guard, or replaces it at once.
  /// - Throws: `.noSuchEntry` without libnftables; nftables' own words in `detail` when it refuses.
  public static func install(on interface: String, addresses: [InternetAddress]) throws(LinuxError) {
    let table = try tableName(interface)
    let operation = "keep cluster addresses on \(interface) from the kernel's stack"
    guard !interface.contains("\""), !interface.contains("\\") else { throw LinuxError(operation, .invalid) }
    try run(
      """
      add table netdev \(table)
      delete table netdev \(table)
      table netdev \(table) {
        chain ingress {
          type filter hook ingress device "\(interface)" priority -500; policy accept;
          \((rules(ipv4: addresses.filter { $0.ipv4 != nil }) + rules(ipv6: addresses.filter { $0.ipv4 == nil })).joined(separator: "\n    "))
        }
      }
      """, operation)
  }

  /// Removes the guard, if there is one.
  public static func remove(from interface: String) throws(LinuxError) {
    let table = try tableName(interface)
    try run("add table netdev \(table)\ndelete table netdev \(table)", "remove the guard from \(interface)")
  }

  private static func rules(ipv4 addresses: [InternetAddress]) -> [String] {
    if addresses.isEmpty { return [] }
    let set = braced(addresses)
    return ["ip daddr \(set) drop", "arp operation request arp daddr ip \(set) drop"]
  }

  private static func rules(ipv6 addresses: [InternetAddress]) -> [String] {
    if addresses.isEmpty { return [] }
    // The target of a neighbour solicitation (RFC 4861, 4.3) begins 8 octets into ICMPv6; nftables has no name for it before 1.0.7.
    let targets = addresses.map { "0x\(hexadecimal($0.high))\(hexadecimal($0.low))" }
    return ["ip6 daddr \(braced(addresses)) drop"] + targets.map { "icmpv6 type nd-neighbor-solicit @th,64,128 \($0) drop" }
  }

  private static func braced(_ addresses: [InternetAddress]) -> String { "{ \(addresses.map(\.text).joined(separator: ", ")) }" }

  private static func hexadecimal(_ value: UInt64) -> String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }

  /// By index: nftables takes no name with a dash for a table.
  private static func tableName(_ interface: String) throws(LinuxError) -> String { "skein_\(try interfaceIndex(interface))" }

  static func run(_ commands: String, _ operation: String) throws(LinuxError) {
    var text = [CChar](repeating: 0, count: 1024)
    let result = skein_nftables_run(commands, &text, text.count)
    if result == 0 { return }
    let detail = String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    throw LinuxError(
      operation, Errno(rawValue: -result), advice: result == -ENOENT ? "install libnftables1" : nil, detail: detail.isEmpty ? nil : detail)
  }
}
