import CLinux

/// What `ethtool` shows and sets of an interface, in the calling thread's network namespace.
public enum Ethtool {
  /// Work that the network card may take over from the kernel.
  public enum Offload: String, Sendable, CaseIterable {
    case transmitChecksum
    case genericReceive
    case genericSegmentation
    case tcpSegmentation

    fileprivate var commands: (get: UInt32, set: UInt32) {
      switch self {
      case .transmitChecksum: (UInt32(ETHTOOL_GTXCSUM), UInt32(ETHTOOL_STXCSUM))
      case .genericReceive: (UInt32(ETHTOOL_GGRO), UInt32(ETHTOOL_SGRO))
      case .genericSegmentation: (UInt32(ETHTOOL_GGSO), UInt32(ETHTOOL_SGSO))
      case .tcpSegmentation: (UInt32(ETHTOOL_GTSO), UInt32(ETHTOOL_STSO))
      }
    }
  }

  /// The driver's name, as "veth" or "ixgbe".
  public static func driver(of interface: String) throws(LinuxError) -> String {
    try withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64) { name throws(LinuxError) -> String in
      guard let start = name.baseAddress else { return "" }
      try check(skein_ethtool_driver(interface, start, name.count), "name the driver of \(interface)")
      return String(cString: start)
    }
  }

  /// Whether an offload is on.
  public static func isOn(_ offload: Offload, of interface: String) throws(LinuxError) -> Bool {
    var value: UInt32 = 0
    try check(skein_ethtool_get(interface, offload.commands.get, &value), "ask \(interface) for its offload \(offload.rawValue)")
    return value != 0
  }

  /// Switches an offload.
  /// - Returns: whether it was on before.
  /// - Throws: `.notSupported` when the driver cannot.
  @discardableResult
  public static func set(_ offload: Offload, _ isOn: Bool, of interface: String) throws(LinuxError) -> Bool {
    let wasOn = try Self.isOn(offload, of: interface)
    if wasOn == isOn { return wasOn }
    try check(
      skein_ethtool_set(interface, offload.commands.set, isOn ? 1 : 0),
      "switch the offload \(offload.rawValue) of \(interface) \(isOn ? "on" : "off")")
    return wasOn
  }
}
