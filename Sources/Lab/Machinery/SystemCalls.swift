import Foundation

/// The system's words for an error number.
func errorText(_ number: Int32) -> String { String(cString: strerror(number)) }

/// The result of a system call, or the error it left in `errno`.
@discardableResult
func checked(_ result: Int32, _ call: @autoclosure () -> String) throws -> Int32 {
  guard result >= 0 else { throw LabError.systemCall(call(), errno: errno) }
  return result
}

/// An open file descriptor that closes itself.
final class Descriptor: Sendable {
  let number: Int32

  init(_ number: Int32) { self.number = number }
  deinit { close(number) }

  /// A socket that no child inherits.
  static func socket(_ family: Int32, _ type: __socket_type, _ proto: Int32 = 0, nonBlocking: Bool = false) throws -> Descriptor {
    let flags = Int32(SOCK_CLOEXEC.rawValue) | (nonBlocking ? Int32(SOCK_NONBLOCK.rawValue) : 0)
    return Descriptor(try checked(Glibc.socket(family, Int32(type.rawValue) | flags, proto), "socket"))
  }

  /// Sets an option whose value is a 32-bit number.
  func set(_ level: Int32, _ option: Int32, _ value: Int32 = 1) throws {
    try withUnsafePointer(to: value) { pointer in
      _ = try checked(setsockopt(number, level, option, pointer, 4), "setsockopt \(level) \(option)")
    }
  }
}

/// `CLOCK_BOOTTIME`, the clock that the packet path compares its lease with; everything the lab times is on it.
enum BootClock {
  static var nanoseconds: UInt64 { read(CLOCK_BOOTTIME) }

  /// What to add to a `CLOCK_REALTIME` stamp (the kernel's, on received frames) to have it on the boot clock.
  static var realTimeOffset: Int64 {
    let before = read(CLOCK_BOOTTIME)
    let realTime = read(CLOCK_REALTIME)
    let after = read(CLOCK_BOOTTIME)
    return Int64(before / 2 + after / 2) - Int64(realTime)
  }

  /// To the millisecond.
  static func seconds(since start: UInt64) -> Double { Double((nanoseconds - start) / 1_000_000) / 1000 }

  /// Sleeps until the boot clock shows `deadline`; a signal may end it early.
  static func sleep(until deadline: UInt64) {
    var time = timespec(tv_sec: Int(deadline / 1_000_000_000), tv_nsec: Int(deadline % 1_000_000_000))
    clock_nanosleep(CLOCK_BOOTTIME, TIMER_ABSTIME, &time, nil)
  }

  private static func read(_ clock: clockid_t) -> UInt64 {
    var time = timespec()
    clock_gettime(clock, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }
}

extension Range<UInt64> {
  /// The length of a time in nanoseconds, in seconds to the millisecond.
  var seconds: Double { Double((upperBound - lowerBound) / 1_000_000) / 1000 }
}

extension UInt64 {
  /// A time in nanoseconds, in milliseconds to the microsecond.
  var milliseconds: Double { Double(self / 1000) / 1000 }
}

/// An Internet address and port in the form that the socket calls take.
struct SocketAddress: Hashable, Sendable {
  /// A `sockaddr_in`, `sockaddr_in6` or `sockaddr_ll`, octet by octet.
  let octets: [UInt8]

  /// - Parameter address: an address in text, IPv4 or IPv6.
  init?(_ address: String, port: UInt16) {
    var host = [UInt8](repeating: 0, count: 16)
    let isSix = address.contains(":")
    guard inet_pton(isSix ? AF_INET6 : AF_INET, address, &host) == 1 else { return nil }
    let family = UInt16(isSix ? AF_INET6 : AF_INET)
    let head = [UInt8(truncatingIfNeeded: family), UInt8(family >> 8), UInt8(port >> 8), UInt8(truncatingIfNeeded: port)]
    let zero = [UInt8](repeating: 0, count: 4)
    octets = isSix ? head + zero + host + zero : head + host[0..<4] + zero + zero
  }

  /// A `sockaddr_ll`: an interface of the namespace that the calling thread is in.
  init(interface: String, everyProtocol: Bool = false) {
    let head = [UInt16(AF_PACKET), everyProtocol ? UInt16(3).bigEndian : 0].flatMap { withUnsafeBytes(of: $0) { Array($0) } }
    octets = head + withUnsafeBytes(of: if_nametoindex(interface)) { Array($0) } + [UInt8](repeating: 0, count: 12)
  }

  var family: Int32 { Int32(octets[0]) | Int32(octets[1]) << 8 }

  func withPointer<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) throws -> Result) rethrows -> Result {
    try withUnsafeTemporaryAllocation(byteCount: octets.count, alignment: 8) { buffer in
      buffer.copyBytes(from: octets)
      guard let base = buffer.baseAddress else { preconditionFailure("an allocation of \(octets.count) octets has an address") }
      return try body(base.assumingMemoryBound(to: sockaddr.self), socklen_t(octets.count))
    }
  }
}

extension Descriptor {
  /// How long a call that waits may wait: then it fails.
  func setPatience(milliseconds: Int) throws {
    var patience = timeval(tv_sec: milliseconds / 1000, tv_usec: milliseconds % 1000 * 1000)
    for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
      try checked(setsockopt(number, SOL_SOCKET, option, &patience, socklen_t(MemoryLayout<timeval>.size)), "set a timeout")
    }
  }

  func bind(to address: SocketAddress) throws {
    try address.withPointer { pointer, length in _ = try checked(Glibc.bind(number, pointer, length), "bind") }
  }

  func connect(to address: SocketAddress) throws {
    try address.withPointer { pointer, length in _ = try checked(Glibc.connect(number, pointer, length), "connect") }
  }
}
