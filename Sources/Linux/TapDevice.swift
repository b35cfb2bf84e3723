import CLinux
import Wire

/// An interface whose other end is this process: frames sent into it arrive at this machine's stack. It is up, and goes with this object.
public final class TapDevice {
  /// Its index.
  public let interface: UInt32
  private let tap: Descriptor
  private let name: String
  private let buffer = FrameBuffer()

  /// - Parameters:
  ///   - name: at most 15 octets.
  ///   - ethernetAddress: its address; one drawn by the kernel if nil. With that of the interface the frames come from, they need no rewriting.
  /// - Throws: `.busy` when the name is taken, `.notPermitted` without CAP_NET_ADMIN, `.noSuchEntry` without /dev/net/tun.
  public init(name: String, ethernetAddress: EthernetAddress? = nil) throws(LinuxError) {
    tap = try Descriptor(
      result: skein_tap_open(name), "create TAP device \(name)", advice: "`skein doctor` tells whether this kernel has TAP")
    self.name = name
    interface = try interfaceIndex(name)
    // It would announce itself with an address that nobody asked for. A kernel without IPv6 has no such variable.
    _ = try? Sysctl.write("net/ipv6/conf/\(name)/addr_gen_mode", "1")
    let routes = try RouteSocket()
    if let ethernetAddress { try routes.setEthernetAddress(ethernetAddress, interface: interface) }
    try routes.setUp(true, interface: interface)
  }

  /// To be watched by a `Poller`.
  public var descriptor: Int32 { tap.rawValue }

  /// Sends one frame, Ethernet header first, to this machine's stack.
  public func send(_ frame: UnsafeRawBufferPointer, offload: OffloadHeader = OffloadHeader()) throws(LinuxError) {
    let sent = withUnsafePointer(to: offload) { skein_tap_send(tap.rawValue, frame.baseAddress, frame.count, $0) }
    try check(sent, "send a frame of \(frame.count) octets into \(name)")
  }

  /// Sends one frame, Ethernet header first, to this machine's stack.
  public func send(_ frame: [UInt8]) throws(LinuxError) {
    try frame.lend { frame throws(LinuxError) in try send(frame) }
  }

  /// Hands over at most `limit` frames that the stack sent out by this interface.
  @discardableResult
  public func receive(limit: Int = 64, _ handler: (ReceivedFrame) -> Void) throws(LinuxError) -> Int {
    try buffer.receive(limit: limit, "receive frames from \(name)", handler) { skein_tap_receive(tap.rawValue, $0, $1, $2) }
  }
}
