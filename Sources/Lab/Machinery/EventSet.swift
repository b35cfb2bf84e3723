import CLab
import Foundation

/// Waits for many sockets at once (epoll). A socket that is closed is out of it.
final class EventSet {
  private static let limit = 256
  private let descriptor: Descriptor

  init() throws { descriptor = Descriptor(try checked(epoll_create1(Int32(EPOLL_CLOEXEC)), "epoll_create")) }

  /// - Parameter tag: what `wait` calls it.
  func add(_ socket: Descriptor, _ events: UInt32, tag: UInt64) throws {
    var event = epoll_event(events: events, data: epoll_data_t(u64: tag))
    try checked(epoll_ctl(descriptor.number, EPOLL_CTL_ADD, socket.number, &event), "epoll_ctl")
  }

  /// Waits for at most this long, and hands over the tag of each socket that has something.
  func wait(milliseconds: Int32, _ body: (UInt64) throws -> Void) throws {
    try withUnsafeTemporaryAllocation(of: epoll_event.self, capacity: Self.limit) { events in
      let count = epoll_wait(descriptor.number, events.baseAddress, Int32(Self.limit), milliseconds)
      guard count >= 0 || errno == EINTR else { throw LabError.systemCall("epoll_wait", errno: errno) }
      for event in events.prefix(Int(max(0, count))) { try body(event.data.u64) }
    }
  }
}
