import CLinux

/// Records that the kernel program sends up, in the order in which it finished them.
public final class RingBuffer {
  /// What the C callback reaches while `consume` runs.
  private final class Consumer {
    var handler: ((UnsafeRawBufferPointer) -> Void)?
    var remaining = 0
  }

  private let ring: OpaquePointer
  private let consumer: Consumer

  init(_ map: KernelMap) throws(LinuxError) {
    skein_capture_begin()
    let consumer = Consumer()
    let made = ring_buffer__new(
      try map.descriptor(),
      { context, data, count in
        guard let context, let data else { return 0 }
        let consumer = Unmanaged<Consumer>.fromOpaque(context).takeUnretainedValue()
        consumer.handler?(UnsafeRawBufferPointer(start: data, count: count))
        consumer.remaining -= 1
        // A negative answer ends the round after this record.
        return consumer.remaining > 0 ? 0 : -ECANCELED
      }, Unmanaged.passUnretained(consumer).toOpaque(), nil)
    guard let made else { throw LinuxError("read ring \(map.name)", .current, detail: String(cString: skein_capture_text())) }
    ring = made
    self.consumer = consumer
  }

  deinit { ring_buffer__free(ring) }

  /// Readable while there are records.
  public var descriptor: Int32 { ring_buffer__epoll_fd(ring) }

  /// Hands over at most `limit` waiting records; each is valid only inside the handler.
  /// - Returns: how many.
  @discardableResult
  public func consume(limit: Int = 256, _ handler: (UnsafeRawBufferPointer) -> Void) throws(LinuxError) -> Int {
    consumer.remaining = limit
    let result = withoutActuallyEscaping(handler) { handler in
      consumer.handler = handler
      defer { consumer.handler = nil }
      return ring_buffer__consume(ring)
    }
    if result != -ECANCELED { try check(result, "read what the kernel program sent up") }
    return limit - consumer.remaining
  }
}
