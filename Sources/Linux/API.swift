// Signatures, to be replaced file by file by the real thing. (Every class here is not Sendable: it belongs to the thread, or the actor, that made it.)
import CLinux
import CPacketPath
import Wire

/// The boot clock.
public enum BootClock {
  /// The present moment of CLOCK_BOOTTIME.
  public static func now() -> Instant { fatalError() }
}

/// A file descriptor that is closed when its owner goes.
public struct Descriptor: ~Copyable {
  public let rawValue: Int32
}

/// One thread's event loop (epoll). Not Sendable: made, filled and run by one thread or inside one actor whose executor is `mailbox`:
///
///     actor Node {
///       nonisolated let mailbox: Mailbox
///       nonisolated var unownedExecutor: UnownedSerialExecutor { mailbox.asUnownedSerialExecutor() }
///     }
/// Handlers formed inside the actor are then isolated to it, and others simply `await node.status()`.
public final class Poller {
  public struct Interest: OptionSet, Sendable {
    public let rawValue: UInt32
    public init(rawValue: UInt32) { self.rawValue = rawValue }
    public static let readable = Interest(rawValue: 1)
    public static let writable = Interest(rawValue: 4)
  }
  /// What epoll reported: `readable`, `writable`, `failed` (EPOLLERR), `hungUp`.
  public struct Readiness: OptionSet, Sendable {
    public let rawValue: UInt32
    public init(rawValue: UInt32) { self.rawValue = rawValue }
  }
  /// Work from other threads; also the executor of an actor that lives on this loop.
  public var mailbox: Mailbox { fatalError() }
  public init() throws(LinuxError) { fatalError() }
  public func watch(_ descriptor: Int32, for interest: Interest = .readable, _ handler: @escaping (Readiness) -> Void) throws(LinuxError) {
    fatalError()
  }
  public func unwatch(_ descriptor: Int32) { fatalError() }
  /// A timer of this loop (timerfd on CLOCK_BOOTTIME). Held alive by whoever holds it.
  public func makeTimer(_ handler: @escaping () -> Void) throws(LinuxError) -> Timer { fatalError() }
  /// Signals as events. Call `Signal.block` in main, before any other thread exists.
  public func watchSignals(_ signals: Set<Signal>, _ handler: @escaping (Signal) -> Void) throws(LinuxError) { fatalError() }
  /// Waits for and handles events until `stop()`.
  public func run() throws(LinuxError) { fatalError() }
  /// One turn; for tests. How many events it handled.
  public func turn(waiting limit: Interval) throws(LinuxError) -> Int { fatalError() }
  public func stop() { fatalError() }
}
public final class Timer {
  init() {}
  /// Fires once at this absolute moment (at once when it has passed), then becomes nil; nil disarms.
  public var deadline: Instant? { get { fatalError() } set { fatalError() } }
}
public final class Mailbox: SerialExecutor {
  /// Runs `work` on the loop's thread, in order of posting. Never blocks.
  public func post(_ work: @escaping @Sendable () -> Void) { fatalError() }
  public func enqueue(_ job: consuming ExecutorJob) { fatalError() }
}
public enum Signal: Int32, Hashable, Sendable {
  case hangup = 1
  case interrupt = 2
  case terminate = 15
  /// Blocks these for the calling thread and all it will start.
  public static func block(_ signals: Set<Signal>) throws(LinuxError) { fatalError() }
}
public enum Realtime {
  public enum Outcome: Sendable { case granted, refused(LinuxError) }
  /// SCHED_RR for the calling thread. Refusal is an answer, not a failure.
  public static func requestPriority(_ level: Int32 = 1) -> Outcome { fatalError() }
  /// Locks present and future memory.
  public static func lockMemory() -> Outcome { fatalError() }
}

/// An address and UDP port; `interface` is the scope of a link-local IPv6 address (0: none).
public struct Endpoint: Hashable, Sendable {
  public var address: InternetAddress
  public var port: UInt16
  public var interface: UInt32
  public init(_ address: InternetAddress, port: UInt16, interface: UInt32 = 0) {
    self.address = address
    self.port = port
    self.interface = interface
  }
}
/// The UDP socket that cluster messages travel by: bound to a device, sends from one own address, multicast or unicast.
public final class DatagramSocket {
  public struct Configuration: Sendable {
    /// The interface to bind to (SO_BINDTODEVICE, IP_MULTICAST_IF).
    public var interface: String
    /// This machine's own address on it: the source of all that is sent, and the family.
    public var localAddress: InternetAddress
    public var port: UInt16
    /// Group to join; nil for unicast only.
    public var group: InternetAddress?
    /// TTL or hop limit sent; nil: 1 for IPv4, 255 for IPv6.
    public var hopLimit: UInt8?
    /// SO_RCVBUFFORCE, or SO_RCVBUF when not permitted.
    public var receiveBufferByteCount: Int
    /// The largest datagram received whole.
    public var maximumDatagramByteCount: Int
    public init(
      interface: String, localAddress: InternetAddress, port: UInt16, group: InternetAddress? = nil, hopLimit: UInt8? = nil,
      receiveBufferByteCount: Int = 1 << 20, maximumDatagramByteCount: Int = 9216
    ) { fatalError() }
  }
  /// One received datagram; `bytes` valid only inside the handler.
  public struct Datagram {
    public let bytes: UnsafeRawBufferPointer
    public let source: Endpoint
    public let destination: InternetAddress
    public let hopLimit: UInt8
    /// It was longer than maximumDatagramByteCount.
    public let isTruncated: Bool
  }
  public var descriptor: Int32 { fatalError() }
  public init(_ configuration: Configuration) throws(LinuxError) { fatalError() }
  /// Hands over what has arrived, at most `limit` datagrams; how many.
  @discardableResult
  public func receive(limit: Int = 64, _ handler: (Datagram) -> Void) throws(LinuxError) -> Int { fatalError() }
  /// Throws `.wouldBlock`, `.noBuffers`, `.networkUnreachable`, `.messageTooLong`…
  public func send(_ bytes: UnsafeRawBufferPointer, to destination: Endpoint) throws(LinuxError) { fatalError() }
  public func send(_ bytes: [UInt8], to destination: Endpoint) throws(LinuxError) { fatalError() }
  /// Datagrams that the kernel dropped for want of room (SO_RXQ_OVFL), as of the last received.
  public var dropCount: UInt64 { fatalError() }
}

public enum PacketPathMode: String, Sendable { case native = "xdp-native", generic = "xdp-generic" }
public enum RequestedMode: Sendable { case automatic, native, generic }

/// The kernel program and its maps, loaded. Maps and links live under /sys/fs/bpf/skein/<instance> and outlive the daemon.
public final class KernelProgram {
  public struct Configuration: Sendable {
    public var instance: String
    /// The XDP program's name in the object (its function's name).
    public var programName: String
    /// Entries of maps whose size is known only here, e.g. ["counters": cpus * 64, "traffic": cpus * 1024].
    public var maximumEntries: [String: Int]
    public init(instance: String, programName: String, maximumEntries: [String: Int]) { fatalError() }
  }
  /// True when the maps of an earlier daemon were taken over with their contents; false when all are new (and zero).
  public var mapsWereReused: Bool { fatalError() }
  /// `object`: the ELF file's bytes.
  public init(object: UnsafeRawBufferPointer, _ configuration: Configuration) throws(LinuxError) { fatalError() }
  public convenience init(object: [UInt8], _ configuration: Configuration) throws(LinuxError) { fatalError() }
  /// A mapped view of an array map (BPF_F_MMAPABLE).
  public func array<Element: BitwiseCopyable>(_ name: String, of: Element.Type) throws(LinuxError) -> MappedArray<Element> { fatalError() }
  public func ring(_ name: String) throws(LinuxError) -> RingBuffer { fatalError() }
  /// Attaches, or replaces the program in the pinned link atomically. Reports the mode in force.
  @discardableResult
  public func attach(to interface: String, mode: RequestedMode = .automatic) throws(LinuxError) -> PacketPathMode { fatalError() }
  /// Detaches and unpins; the maps stay until `unpinAll`.
  public func detach(from interface: String) throws(LinuxError) { fatalError() }
  /// Removes every link and map of an instance, running or not (`skein leave`, uninstall).
  public static func removeAll(instance: String) throws(LinuxError) { fatalError() }
  public struct TestResult: Sendable {
    /// What the program returned (XDP_PASS = 2…).
    public var verdict: UInt32
    public var frame: [UInt8]
    /// Mean nanoseconds of one run.
    public var nanoseconds: UInt32
  }
  public func testRun(_ frame: UnsafeRawBufferPointer, repeat count: Int = 1, interface: UInt32 = 0) throws(LinuxError) -> TestResult {
    fatalError()
  }
  /// The frame runs through this program as if it had just arrived on `interface` (BPF_F_TEST_XDP_LIVE_FRAMES).
  public func inject(_ frame: UnsafeRawBufferPointer, interface: UInt32) throws(LinuxError) { fatalError() }
  /// CPUs that may ever exist: the factor of per-CPU arrays.
  public static var possibleProcessorCount: Int { fatalError() }
}
/// Hands frames to the local stack as if they had just arrived, past any cluster program (a two-instruction XDP_PASS program of its own).
public final class FrameInjector {
  public init() throws(LinuxError) { fatalError() }
  public func inject(_ frame: UnsafeRawBufferPointer, interface: UInt32) throws(LinuxError) { fatalError() }
}
/// An array map in this process's memory: a store is seen by the running kernel program at once.
public final class MappedArray<Element: BitwiseCopyable> {
  init() {}
  public var count: Int { fatalError() }
  public var pointer: UnsafeMutablePointer<Element> { fatalError() }
  public subscript(index: Int) -> Element { get { fatalError() } set { fatalError() } }
  /// One aligned 8-octet store with release order; Element must be 8 octets.
  public func publish(_ value: Element, at index: Int) { fatalError() }
  /// One 8-octet store into a field of an element.
  public func publish(_ value: UInt64, in field: KeyPath<Element, UInt64>, at index: Int) { fatalError() }
}
public final class RingBuffer {
  init() {}
  /// Readable when there are records.
  public var descriptor: Int32 { fatalError() }
  @discardableResult
  public func consume(limit: Int = 256, _ handler: (UnsafeRawBufferPointer) -> Void) throws(LinuxError) -> Int { fatalError() }
}

/// What accompanies a frame on AF_PACKET and TAP: checksum still to be filled in, segmentation (virtio_net_hdr, 10 octets).
public typealias OffloadHeader = virtio_net_hdr
/// AF_PACKET on one interface.
public final class PacketSocket {
  public enum Membership: Sendable { case promiscuous, allMulticast, multicast(EthernetAddress), unicast(EthernetAddress) }
  public struct Frame {
    public let bytes: UnsafeRawBufferPointer
    public let offload: OffloadHeader
    public let isTruncated: Bool
    /// 802.1Q tag that the kernel took out of the frame.
    public let vlanTag: UInt16?
  }
  public var descriptor: Int32 { fatalError() }
  /// `receives: false`: a sender only. Frames that this machine sends are not received.
  public init(interface: UInt32, receives: Bool = true, receiveBufferByteCount: Int = 4 << 20) throws(LinuxError) { fatalError() }
  public func join(_ membership: Membership) throws(LinuxError) { fatalError() }
  public func leave(_ membership: Membership) throws(LinuxError) { fatalError() }
  @discardableResult
  public func receive(limit: Int = 64, _ handler: (Frame) -> Void) throws(LinuxError) -> Int { fatalError() }
  public func send(_ frame: UnsafeRawBufferPointer, offload: OffloadHeader = OffloadHeader()) throws(LinuxError) { fatalError() }
  public func send(_ frame: [UInt8]) throws(LinuxError) { fatalError() }
  /// Frames received and dropped since the last call (PACKET_STATISTICS resets).
  public func takeStatistics() throws(LinuxError) -> (received: UInt32, dropped: UInt32) { fatalError() }
}
/// A TAP interface, up, that lives as long as this object.
public final class TapDevice {
  public var descriptor: Int32 { fatalError() }
  public var interface: UInt32 { fatalError() }
  public init(name: String) throws(LinuxError) { fatalError() }
  /// A frame into this machine's stack.
  public func send(_ frame: UnsafeRawBufferPointer, offload: OffloadHeader = OffloadHeader()) throws(LinuxError) { fatalError() }
  @discardableResult
  public func receive(limit: Int = 64, _ handler: (PacketSocket.Frame) -> Void) throws(LinuxError) -> Int { fatalError() }
}
/// Keeps the kernel's own stack from processing frames for the cluster addresses on an interface (nftables, netdev ingress); taps still see them.
public enum StackGuard {
  public static func install(on interface: String, addresses: [InternetAddress]) throws(LinuxError) { fatalError() }
  public static func remove(from interface: String) throws(LinuxError) { fatalError() }
}

/// An interface as rtnetlink tells it.
public struct NetworkInterface: Hashable, Sendable {
  public var index: UInt32
  public var name: String
  public var ethernetAddress: EthernetAddress
  public var mtu: Int
  public var isUp: Bool
  public var hasCarrier: Bool
  public var isLoopback: Bool
}
public struct InterfaceAddress: Hashable, Sendable {
  public var interface: UInt32
  public var address: InternetAddress
  public var prefixLength: UInt8
  public var isTentative: Bool
}
public struct Route: Hashable, Sendable {
  public var destination: InternetAddress
  public var prefixLength: UInt8
  public var gateway: InternetAddress?
  public var interface: UInt32
  public var source: InternetAddress?
  public var metric: UInt32
}
public final class RouteSocket {
  public init() throws(LinuxError) { fatalError() }
  public func interfaces() throws(LinuxError) -> [NetworkInterface] { fatalError() }
  public func interface(named name: String) throws(LinuxError) -> NetworkInterface { fatalError() }
  public func interface(index: UInt32) throws(LinuxError) -> NetworkInterface { fatalError() }
  public func addresses(of interface: UInt32? = nil) throws(LinuxError) -> [InterfaceAddress] { fatalError() }
  /// False when it was there already. No duplicate address detection.
  @discardableResult
  public func addAddress(_ address: InternetAddress, prefixLength: UInt8, to interface: UInt32) throws(LinuxError) -> Bool { fatalError() }
  /// False when it was not there.
  @discardableResult
  public func removeAddress(_ address: InternetAddress, prefixLength: UInt8, from interface: UInt32) throws(LinuxError) -> Bool { fatalError() }
  public func setUp(_ isUp: Bool, interface: UInt32) throws(LinuxError) { fatalError() }
  public func setEthernetAddress(_ address: EthernetAddress, interface: UInt32) throws(LinuxError) { fatalError() }
  /// The NIC accepts frames for this address too (bridge fdb … self permanent).
  @discardableResult
  public func addFilterAddress(_ address: EthernetAddress, interface: UInt32) throws(LinuxError) -> Bool { fatalError() }
  @discardableResult
  public func removeFilterAddress(_ address: EthernetAddress, interface: UInt32) throws(LinuxError) -> Bool { fatalError() }
  public func route(to destination: InternetAddress) throws(LinuxError) -> Route { fatalError() }
  /// Of the main table, the default route of this family with the lowest metric.
  public func defaultRoute(ipv6: Bool) throws(LinuxError) -> Route? { fatalError() }
  public func setNeighbour(_ address: InternetAddress, to ethernet: EthernetAddress, interface: UInt32, isPermanent: Bool) throws(LinuxError) {
    fatalError()
  }
  public func neighbour(_ address: InternetAddress, interface: UInt32) throws(LinuxError) -> EthernetAddress? { fatalError() }
}
/// Changes of interfaces, as they happen.
public final class LinkMonitor {
  public enum Change: Sendable {
    case changed(NetworkInterface)
    case removed(index: UInt32)
    /// Events were lost: ask RouteSocket.
    case overflow
  }
  public var descriptor: Int32 { fatalError() }
  public init() throws(LinuxError) { fatalError() }
  public func receive(_ handler: (Change) -> Void) throws(LinuxError) { fatalError() }
}
/// Solicited-node memberships of IPv6 addresses on an interface; left when this object goes.
public final class SolicitedNodeMembership {
  public init(of addresses: [InternetAddress], on interface: UInt32) throws(LinuxError) { fatalError() }
}

/// A kernel variable by its path below /proc/sys, e.g. "net/ipv4/conf/eth0/arp_ignore" (slashes: interface names may hold dots).
public enum Sysctl {
  public static func read(_ path: String) throws(LinuxError) -> String { fatalError() }
  /// The old value, to restore.
  @discardableResult
  public static func write(_ path: String, _ value: String) throws(LinuxError) -> String { fatalError() }
}
/// Changes of kernel variables that can be taken back.
public struct SysctlChanges: Sendable {
  public init() { fatalError() }
  public private(set) var previous: [(path: String, value: String)] { get { fatalError() } set { fatalError() } }
  public mutating func set(_ path: String, to value: String) throws(LinuxError) { fatalError() }
  /// In reverse order; what could not be restored is returned.
  public mutating func restore() -> [LinuxError] { fatalError() }
}

/// systemd's notification socket; without NOTIFY_SOCKET nothing is sent.
public enum ServiceManager {
  public static func ready() { fatalError() }
  public static func stopping() { fatalError() }
  public static func watchdog() { fatalError() }
  public static func status(_ text: String) { fatalError() }
  /// From WATCHDOG_USEC: send `watchdog()` at least this often (half of it).
  public static var watchdogInterval: Interval? { fatalError() }
}
public struct ProcessUsage: Sendable {
  public var residentByteCount: UInt64
  public var processorTime: Interval
  public static func current() throws(LinuxError) -> ProcessUsage { fatalError() }
}
public enum Capability: Int32, Sendable, CaseIterable { case netAdmin = 12, netRaw = 13, ipcLock = 14, sysAdmin = 21, sysNice = 23, sysResource = 24, bpf = 39 }
public enum Capabilities {
  public static func missing(from needed: [Capability] = [.netAdmin, .netRaw, .bpf]) throws(LinuxError) -> [Capability] { fatalError() }
}
public struct KernelVersion: Comparable, Sendable {
  public var major: Int, minor: Int, patch: Int
  public static func < (l: KernelVersion, r: KernelVersion) -> Bool { fatalError() }
  public static func running() throws(LinuxError) -> KernelVersion { fatalError() }
}
/// What `skein doctor` asks of the kernel; each answers nil when all is well, or the reason.
public enum KernelProbe {
  public static func justInTimeCompiler() -> Bool { fatalError() }
  public static func programTypeXDP() -> LinuxError? { fatalError() }
  public static func ringBuffer() -> LinuxError? { fatalError() }
  public static func bpfFileSystem() -> LinuxError? { fatalError() }
  /// Tries to attach and detach an XDP_PASS program; refuses when another program is attached (EBUSY).
  public static func nativeXDP(on interface: String) -> LinuxError? { fatalError() }
  public static func genericXDP(on interface: String) -> LinuxError? { fatalError() }
  public static func ingressFilter() -> LinuxError? { fatalError() }
  public static func tap() -> LinuxError? { fatalError() }
}
public enum NetworkNamespace {
  /// Moves the calling thread (call it before other threads start, to move the process).
  public static func enter(path: String) throws(LinuxError) { fatalError() }
}
public enum Ethtool {
  public static func driver(of interface: String) throws(LinuxError) -> String { fatalError() }
  public static func transmitChecksumOffload(of interface: String) throws(LinuxError) -> Bool { fatalError() }
  public static func setTransmitChecksumOffload(_ isOn: Bool, of interface: String) throws(LinuxError) { fatalError() }
  public static func genericReceiveOffload(of interface: String) throws(LinuxError) -> Bool { fatalError() }
  public static func setGenericReceiveOffload(_ isOn: Bool, of interface: String) throws(LinuxError) { fatalError() }
}
