import CLinux
import Wire

/// The UDP socket that cluster messages travel by: bound to one interface, sending from one own address, to a group or to single members.
/// Messages go out as network control (class selector 6) and with TTL 1 or hop limit 255.
public final class DatagramSocket {
  /// What it is made to.
  public struct Configuration: Sendable {
    /// The interface that it is bound to and that group messages leave by.
    public var interface: String
    /// This machine's own address there, the source of all that it sends; never a cluster address.
    public var localAddress: InternetAddress
    /// The UDP port that it listens at and sends from, in host byte order.
    public var port: UInt16
    /// The group to join; nil for single members only.
    public var group: InternetAddress?
    /// TTL or hop limit of what is sent; nil for 1 (IPv4) or 255 (IPv6).
    public var hopLimit: UInt8?
    /// How much may wait to be received.
    public var receiveBufferByteCount: Int
    /// The longest datagram that is received whole.
    public var maximumDatagramByteCount: Int

    /// By default no group is joined, 1 MiB may wait, and datagrams of a jumbo frame are received whole.
    public init(
      interface: String, localAddress: InternetAddress, port: UInt16, group: InternetAddress? = nil, hopLimit: UInt8? = nil,
      receiveBufferByteCount: Int = 1 << 20, maximumDatagramByteCount: Int = 9216
    ) {
      self.interface = interface
      self.localAddress = localAddress
      self.port = port
      self.group = group
      self.hopLimit = hopLimit
      self.receiveBufferByteCount = receiveBufferByteCount
      self.maximumDatagramByteCount = maximumDatagramByteCount
    }
  }

  /// One datagram as received. `bytes` is valid only inside the handler.
  public struct Datagram {
    /// The UDP payload: valid only inside the handler.
    public let bytes: UnsafeRawBufferPointer
    /// Who sent it: the address and the port, with the interface if the address is link-local IPv6.
    public let source: Endpoint
    /// The group, or this machine's own address.
    public let destination: InternetAddress
    /// The TTL or hop limit that it came with: 255 says that no router was between, if the sender set that (RFC 5082).
    public let hopLimit: UInt8
    /// It was longer than `maximumDatagramByteCount`; the rest is lost.
    public let isTruncated: Bool
  }

  /// Datagrams that the kernel dropped because the receive buffer was full, as told with the last one received.
  public private(set) var dropCount: UInt32 = 0
  /// Datagrams for this port but neither for the group nor for the own address (a cluster address, a broadcast): not handed over.
  public private(set) var misdirectedCount: UInt64 = 0

  private let socket: Descriptor
  private let buffer: UnsafeMutableRawBufferPointer
  private let configuration: Configuration
  private var options: skein_datagram_options

  /// - Throws: `.addressInUse` when another daemon has the port, `.addressNotAvailable` when the local address is not this machine's
  ///   (or, for IPv6, is still being probed), `.noSuchDevice` without that interface.
  public init(_ configuration: Configuration) throws(LinuxError) {
    let index = try interfaceIndex(configuration.interface)
    var options = skein_datagram_options(
      local: configuration.localAddress.raw, group: (configuration.group ?? .unspecified).raw, interface_name: nil, interface: index,
      receive_buffer: Int32(clamping: configuration.receiveBufferByteCount), port: configuration.port,
      hop_limit: configuration.hopLimit ?? (configuration.localAddress.ipv4 == nil ? 255 : 1))
    var step: UnsafePointer<CChar>?
    let result = configuration.interface.withCString { name in
      options.interface_name = name
      defer { options.interface_name = nil }
      return skein_datagram_open(&options, &step)
    }
    socket = try Descriptor(
      result: result,
      "\(step.map { String(cString: $0) } ?? "open") the UDP socket \(configuration.localAddress.text) port \(configuration.port) on \(configuration.interface)",
      advice: result == -EADDRINUSE ? "does another daemon run here? `systemctl status skein`" : nil
    )
    self.options = options
    self.configuration = configuration
    buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: configuration.maximumDatagramByteCount, alignment: 16)
  }

  deinit { buffer.deallocate() }

  /// To be watched by a `Poller`.
  public var descriptor: Int32 { socket.rawValue }

  /// Hands over what has arrived, at most `limit` datagrams.
  /// - Returns: how many datagrams were taken from the socket; less than `limit` when it is empty.
  @discardableResult
  public func receive(limit: Int = 64, _ handler: (Datagram) -> Void) throws(LinuxError) -> Int {
    var arrival = skein_arrival()
    for taken in 0..<limit {
      let count = skein_datagram_receive(socket.rawValue, buffer.baseAddress, buffer.count, &arrival)
      if isDrained(count) { return taken }
      try check(count, "receive cluster messages on \(configuration.interface)")
      if arrival.has_drops != 0 { dropCount = arrival.drops }
      deliver(arrival, count: Int(count), to: handler)
    }
    return limit
  }

  /// Sends one datagram at once.
  /// - Throws: `.wouldBlock` and `.noBuffers` (it is lost, try the next), `.networkUnreachable`, `.networkDown`, `.messageTooLong`,
  ///   `.notPermitted` (a firewall).
  public func send(_ bytes: UnsafeRawBufferPointer, to destination: Endpoint) throws(LinuxError) {
    var raw = destination.raw
    if raw.interface == 0, destination.address.isLinkLocal { raw.interface = options.interface }
    let sent = skein_datagram_send(socket.rawValue, bytes.baseAddress, bytes.count, &raw, &options)
    try check(sent, "send a cluster message to \(destination.address.text) on \(configuration.interface)")
  }

  /// Sends one datagram at once.
  public func send(_ bytes: [UInt8], to destination: Endpoint) throws(LinuxError) {
    try bytes.lend { bytes throws(LinuxError) in try send(bytes, to: destination) }
  }

  private func deliver(_ arrival: skein_arrival, count: Int, to handler: (Datagram) -> Void) {
    let destination = InternetAddress(arrival.destination)
    guard destination == configuration.localAddress || destination == configuration.group else {
      misdirectedCount += 1
      return
    }
    handler(
      Datagram(
        bytes: UnsafeRawBufferPointer(rebasing: buffer.prefix(count)), source: Endpoint(arrival.source), destination: destination,
        hopLimit: arrival.hop_limit, isTruncated: arrival.is_truncated != 0))
  }
}

/// Whether a receive found nothing: the socket is empty, or a signal came first.
func isDrained(_ count: Int64) -> Bool { count == Int64(-EAGAIN) || count == Int64(-EINTR) }

/// The index of the interface with this name, in the calling thread's network namespace.
func interfaceIndex(_ name: String) throws(LinuxError) -> UInt32 {
  let index = if_nametoindex(name)
  if index == 0 { throw LinuxError("find interface \(name)", .noSuchDevice, advice: "`ip link` lists the interfaces there are") }
  return index
}
