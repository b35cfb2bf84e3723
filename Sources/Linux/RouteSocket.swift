import CLinux
import Glibc
import Wire

/// The kernel's interfaces, addresses, routes and neighbours (rtnetlink), of the network namespace of the thread that made it.
/// Each call asks and waits for the answer, which the kernel gives at once.
public final class RouteSocket {
  private let socket: Descriptor
  private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 16)
  private var sequence: UInt32 = 0
  private static let attemptLimit = 8

  /// Opens a netlink socket in the calling thread's network namespace, where it stays.
  /// - Throws: why the kernel gave none, as when the process has no descriptors left.
  public convenience init() throws(LinuxError) { try self.init(protocol: NETLINK_ROUTE) }

  /// For what the kernel tells by another protocol than rtnetlink.
  init(protocol number: Int32) throws(LinuxError) {
    socket = try Descriptor(result: skein_netlink_open(number, 0, 1), "open a netlink socket")
  }

  deinit { buffer.deallocate() }

  /// Sends a request and reads to its end.
  /// - Returns: what `parse` made of each answer.
  func ask<Answer>(
    _ request: NetlinkMessage, _ operation: @autoclosure () -> String, _ parse: (NetlinkReply) -> Answer?
  ) throws(LinuxError) -> [Answer] {
    for _ in 0..<Self.attemptLimit {
      if let answers = try attempt(request, operation(), parse) { return answers }
    }
    throw LinuxError(operation(), .interrupted, advice: "the tables change too fast to be read")
  }

  /// Sends a request that is only acknowledged.
  func request(_ request: NetlinkMessage, _ operation: @autoclosure () -> String) throws(LinuxError) {
    _ = try ask(request, operation()) { _ in nil as Never? }
  }

  /// Like `request`, but the state that was asked for may be there already.
  /// - Returns: whether anything changed.
  func change(_ message: NetlinkMessage, unless settled: Set<Errno>, _ operation: @autoclosure () -> String) throws(LinuxError) -> Bool {
    do throws(LinuxError) {
      try request(message, operation())
      return true
    } catch {
      if settled.contains(error.code) { return false }
      throw error
    }
  }

  /// One try; nil when a table changed while it was listed.
  private func attempt<Answer>(
    _ request: NetlinkMessage, _ operation: @autoclosure () -> String, _ parse: (NetlinkReply) -> Answer?
  ) throws(LinuxError) -> [Answer]? {
    sequence &+= 1
    var message = request
    message.number(sequence)
    let sent = message.bytes.withUnsafeBytes { Glibc.send(socket.rawValue, $0.baseAddress, $0.count, 0) }
    if sent < 0 { throw LinuxError(operation(), .current) }
    var answers: [Answer] = []
    var isConsistent = true
    while true {
      for reply in try receive(operation()) where reply.header.nlmsg_seq == sequence {
        isConsistent = isConsistent && reply.header.nlmsg_flags & 0x10 == 0  // NLM_F_DUMP_INTR
        switch Int32(reply.header.nlmsg_type) {
        case NLMSG_ERROR, NLMSG_DONE:
          if reply.errorCode < 0 {
            throw LinuxError(operation(), Errno(rawValue: -reply.errorCode), detail: reply.errorText)
          }
          return isConsistent ? answers : nil
        default:
          if let answer = parse(reply) { answers.append(answer) }
        }
      }
    }
  }

  private func receive(_ operation: @autoclosure () -> String) throws(LinuxError) -> [NetlinkReply] {
    while true {
      let count = recv(socket.rawValue, buffer.baseAddress, buffer.count, 0)
      if count >= 0 { return NetlinkReply.all(in: UnsafeRawBufferPointer(rebasing: buffer.prefix(count))) }
      let code = Errno.current
      if code == .interrupted { continue }
      throw LinuxError(operation(), code == .wouldBlock ? .timedOut : code)
    }
  }
}
