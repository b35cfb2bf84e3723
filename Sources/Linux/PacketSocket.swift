import CLinux
import Wire

/// What travels beside a frame: whether its checksum is still to be filled in, and where to cut it when it is a giant.
public typealias OffloadHeader = virtio_net_hdr

/// A frame as received; `bytes` is valid only inside the handler.
public struct ReceivedFrame {
  /// The frame from its Ethernet header on, without the 802.1Q tag that `vlanTag` has: valid only inside the handler.
  public let bytes: UnsafeRawBufferPointer
  /// What has to be done to it still: the checksum, the cutting into segments. To be sent on with the frame.
  public let offload: OffloadHeader
  /// The 802.1Q tag (priority and VLAN) that the kernel took out of the frame.
  public let vlanTag: UInt16?
  /// It was longer than any frame the kernel makes; the rest is lost.
  public let isTruncated: Bool
}

/// Every frame of one interface (AF_PACKET): the packet path where XDP cannot attach, the sender of announcements, the lab's probe.
/// Frames that this machine sends are not received.
public final class PacketSocket {
  /// What the network card must accept beyond its own address, as long as this socket lives.
  public enum Membership: Hashable, Sendable {
    case promiscuous
    case allMulticast
    case multicast(EthernetAddress)
    case unicast(EthernetAddress)
  }

  private let socket: Descriptor
  private let interface: UInt32
  private let buffer: FrameBuffer?

  /// - Parameter receives: false for a socket that only sends, which costs the kernel nothing for each frame.
  /// - Throws: `.notPermitted` without CAP_NET_RAW, `.noSuchDevice`.
  public init(interface: UInt32, receives: Bool = true, receiveBufferByteCount: Int = 4 << 20) throws(LinuxError) {
    var step: UnsafePointer<CChar>?
    let result = skein_packet_open(interface, receives ? 1 : 0, Int32(clamping: receiveBufferByteCount), &step)
    socket = try Descriptor(
      result: result, "\(step.map { String(cString: $0) } ?? "open") a packet socket on interface \(interface)",
      advice: result == -EPERM ? "run as root, or grant CAP_NET_RAW" : nil)
    self.interface = interface
    buffer = receives ? FrameBuffer() : nil
  }

  /// To be watched by a `Poller`.
  public var descriptor: Int32 { socket.rawValue }

  /// Has the network card accept more, until `leave` or the end of this socket; what others asked for stays.
  /// - Throws: `.noSuchDevice` when the interface is gone.
  public func join(_ membership: Membership) throws(LinuxError) { try change(membership, joins: true) }

  /// Takes one `join` back; what was not joined is passed over. The end of this socket takes back all.
  public func leave(_ membership: Membership) throws(LinuxError) { try change(membership, joins: false) }

  /// Hands over at most `limit` waiting frames.
  /// - Returns: how many; less than `limit` when there are no more.
  /// - Throws: `.networkDown` once when the interface goes down.
  @discardableResult
  public func receive(limit: Int = 64, _ handler: (ReceivedFrame) -> Void) throws(LinuxError) -> Int {
    guard let buffer else { return 0 }
    return try buffer.receive(limit: limit, "receive frames on interface \(interface)", handler) {
      skein_packet_receive(socket.rawValue, $0, $1, $2)
    }
  }

  /// Sends one frame, Ethernet header first.
  /// - Throws: `.noBuffers` or `.wouldBlock` when the queue is full, `.networkDown`, `.messageTooLong`.
  public func send(_ frame: UnsafeRawBufferPointer, offload: OffloadHeader = OffloadHeader()) throws(LinuxError) {
    let sent = withUnsafePointer(to: offload) { skein_packet_send(socket.rawValue, frame.baseAddress, frame.count, $0) }
    try check(sent, "send a frame of \(frame.count) octets on interface \(interface)")
  }

  /// Sends one frame, Ethernet header first.
  public func send(_ frame: [UInt8]) throws(LinuxError) {
    try frame.lend { frame throws(LinuxError) in try send(frame) }
  }

  /// Frames that arrived, and how many of them were dropped for want of room, since the last call.
  public func takeStatistics() throws(LinuxError) -> (arrived: UInt32, dropped: UInt32) {
    var arrived: UInt32 = 0
    var dropped: UInt32 = 0
    try check(skein_packet_statistics(socket.rawValue, &arrived, &dropped), "count the frames of interface \(interface)")
    return (arrived, dropped)
  }

  private func change(_ membership: Membership, joins: Bool) throws(LinuxError) {
    let (kind, address) = membership.request
    let result = skein_packet_membership(socket.rawValue, joins ? 1 : 0, interface, UInt16(kind.rawValue), address)
    try check(result, "\(joins ? "accept" : "stop accepting") \(membership) on interface \(interface)")
  }
}

extension PacketSocket.Membership {
  fileprivate var request: (kind: skein_packet_kind, address: [UInt8]?) {
    switch self {
    case .promiscuous: (skein_packet_promiscuous, nil)
    case .allMulticast: (skein_packet_all_multicast, nil)
    case .multicast(let address): (skein_packet_multicast, address.octets)
    case .unicast(let address): (skein_packet_unicast, address.octets)
    }
  }
}

/// Room for the longest frame that generic segmentation makes, used again for each.
final class FrameBuffer {
  private static let byteCount = 1 << 17
  private let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: byteCount, alignment: 64)

  deinit { memory.deallocate() }

  func receive(
    limit: Int, _ operation: @autoclosure () -> String, _ handler: (ReceivedFrame) -> Void,
    from take: (UnsafeMutableRawPointer?, Int, UnsafeMutablePointer<skein_packet_arrival>) -> Int64
  ) throws(LinuxError) -> Int {
    var arrival = skein_packet_arrival()
    for taken in 0..<limit {
      let count = take(memory.baseAddress, memory.count, &arrival)
      if isDrained(count) { return taken }
      try check(count, operation())
      handler(
        ReceivedFrame(
          bytes: UnsafeRawBufferPointer(rebasing: memory.prefix(Int(count))), offload: arrival.offload,
          vlanTag: arrival.has_vlan_tag != 0 ? arrival.vlan_tag : nil, isTruncated: arrival.is_truncated != 0))
    }
    return limit
  }
}
