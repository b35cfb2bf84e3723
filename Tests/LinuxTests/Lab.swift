import CLinux
import Glibc
import Linux
import Synchronization
import Testing
import Wire

/// Tests that make interfaces and load programs. They need root, say so when they are skipped, and run one after the other.
@Suite(.serialized, .enabled(if: geteuid() == 0, "needs root: makes network namespaces and loads BPF programs")) struct Privileged {}

struct LabFailure: Error { let text: String }

/// Runs a command of the shell.
/// - Returns: what it printed.
@discardableResult
func shell(_ command: String) throws -> String {
  guard let stream = popen("exec 2>&1; \(command)", "r") else { throw LabFailure(text: command) }
  var output: [UInt8] = []
  while case let octet = getc(stream), octet != EOF { output.append(UInt8(octet)) }
  let text = String(decoding: output, as: UTF8.self)
  if pclose(stream) != 0 { throw LabFailure(text: "\(command): \(text)") }
  return text
}

private let nextNumber = Atomic(0)

/// A name that no other test and no other process has.
func uniqueName(_ stem: String) -> String { "\(stem)\(getpid())-\(nextNumber.wrappingAdd(1, ordering: .relaxed).newValue)" }

///     left ── eth0 ════ eth0 ── right
///     192.0.2.1/24       192.0.2.2/24
///     2001:db8::1/64     2001:db8::2/64
/// Two network namespaces joined by a veth pair, gone when this is.
struct Pair: ~Copyable {
  let left = uniqueName("skein-l")
  let right = uniqueName("skein-r")

  init() throws {
    try shell(
      """
      set -e
      ip netns add \(left); ip netns add \(right)
      ip link add eth0 netns \(left) type veth peer name eth0 netns \(right)
      ip -n \(left) addr add 192.0.2.1/24 dev eth0; ip -n \(right) addr add 192.0.2.2/24 dev eth0
      ip -n \(left) addr add 2001:db8::1/64 dev eth0 nodad; ip -n \(right) addr add 2001:db8::2/64 dev eth0 nodad
      for n in \(left) \(right); do ip -n $n link set lo up; ip -n $n link set eth0 up; done
      # IPv6 speaks some time after the carrier is there.
      for n in \(left) \(right); do
        for i in $(seq 100); do ip -n $n -6 route show table all | grep -q 'ff00::/8 dev eth0' && break; sleep 0.02; done
      done
      """)
  }

  deinit { _ = try? shell("ip netns del \(left); ip netns del \(right)") }

  func inLeft<Result>(_ body: () throws -> Result) throws -> Result { try inside(left, body) }
  func inRight<Result>(_ body: () throws -> Result) throws -> Result { try inside(right, body) }
}

/// Runs `body` on this thread in another network namespace. What it opens stays there.
func inside<Result>(_ namespace: String, _ body: () throws -> Result) throws -> Result {
  let home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)
  try #require(home >= 0)
  defer { close(home) }
  try NetworkNamespace.enter(path: "/run/netns/\(namespace)")
  let result = Outcome(catching: body)
  try NetworkNamespace.enter(path: "/proc/self/fd/\(home)")
  return try result.get()
}
private typealias Outcome<Success> = Swift.Result<Success, any Error>

/// Waits until a descriptor is readable. The limit only ends a test that has failed.
func isReadable(_ descriptor: Int32, limitMilliseconds: Int32 = 5000) -> Bool {
  var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
  return poll(&entry, 1, limitMilliseconds) == 1
}

/// A UDP datagram in IPv4 in Ethernet, without a UDP checksum.
func udpFrame(
  to ethernet: EthernetAddress, from source: InternetAddress, _ sourcePort: UInt16, to destination: InternetAddress, _ port: UInt16,
  _ payload: [UInt8]
) -> [UInt8] {
  func two(_ value: Int) -> [UInt8] { [UInt8(value >> 8 & 255), UInt8(value & 255)] }
  func four(_ value: UInt32) -> [UInt8] { two(Int(value >> 16)) + two(Int(value & 0xffff)) }
  var header: [UInt8] = [0x45, 0] + two(28 + payload.count) + [0, 1, 0, 0, 64, 17, 0, 0]
  header += four(source.ipv4 ?? 0) + four(destination.ipv4 ?? 0)
  var sum = stride(from: 0, to: 20, by: 2).reduce(0) { $0 + Int(header[$1]) << 8 + Int(header[$1 + 1]) }
  while sum > 0xffff { sum = sum & 0xffff + sum >> 16 }
  header.replaceSubrange(10..<12, with: two(~sum & 0xffff))
  let udp = two(Int(sourcePort)) + two(Int(port)) + two(8 + payload.count) + [0, 0]
  let destinationOctets = (0..<6).map { UInt8(truncatingIfNeeded: ethernet.bits >> (40 - 8 * UInt64($0))) }
  return destinationOctets + [2, 0, 0, 0, 0, 9, 8, 0] + header + udp + payload
}

let leftAddress = InternetAddress(ipv4: 0xc000_0201)
let rightAddress = InternetAddress(ipv4: 0xc000_0202)
let clusterAddress = InternetAddress(ipv4: 0xc000_020a)
let leftAddress6 = InternetAddress(high: 0x2001_0db8_0000_0000, low: 1)
let rightAddress6 = InternetAddress(high: 0x2001_0db8_0000_0000, low: 2)
let clusterAddress6 = InternetAddress(high: 0x2001_0db8_0000_0000, low: 0x10)
