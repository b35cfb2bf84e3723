#if !hasFeature(Embedded)
  public import CPacketPath

  /// The packet path in this process: the same sources as the kernel program, over memory of the same layout.
  ///
  /// For machines without XDP, for `skein trace`, for tests and simulation. One frame at a time; one thread at a time for each
  /// `processor`. Nothing is allocated for a packet.
  public final class NativePacketPath: @unchecked Sendable {
    /// The tables that it works on.
    public let tables: PacketTables
    /// In place of the kernel's routes, for tests; without one, the kernel routes.
    public var router: ((skein_route_question) -> skein_route)?
    private let allocation: UnsafeMutableRawPointer?

    /// A packet path over memory that the caller keeps, the kernel program's maps for instance.
    public init(tables: PacketTables) {
      self.tables = tables
      allocation = nil
    }

    /// A packet path over tables of its own, all zero: switched off, no lease, every unit owned by member 0 and not acknowledged.
    /// - Parameter sizes: of the tables that are not of one size; `processors` is how many threads may use it at once.
    public init(sizes: skein_sizes = skein_least_sizes(1)) {
      var total = 0
      func place(_ octets: Int) -> Int {
        defer { total += (octets + 63) / 64 * 64 }
        return total
      }
      let offsets = (0..<Int32(skein_map_count)).map { skein_map_number($0, sizes) }.map { place($0.octets * $0.entries) }
      let memory = UnsafeMutableRawPointer.allocate(byteCount: total, alignment: 64)
      memory.initializeMemory(as: UInt8.self, repeating: 0, count: total)
      allocation = memory
      var rest = offsets[...]
      tables = PacketTables(sizes: sizes) { _, _ in memory + rest.removeFirst() }
    }

    deinit { allocation?.deallocate() }

    /// The verdict on the frame in the first `length` octets of `buffer`, which is rewritten in place.
    ///
    /// An answer may be eight octets longer than its question, if the buffer has the room; `length` is then the answer's. With verdict
    /// `up` the frame is the caller's to hold.
    /// - Parameters:
    ///   - now: CLOCK_BOOTTIME, nanoseconds.
    ///   - processor: which share of the counters is raised.
    public func process(_ buffer: UnsafeMutableRawBufferPointer, length: inout Int, now: UInt64, processor: Int = 0) -> Outcome {
      precondition(length >= 0 && length <= buffer.count, "a frame of \(length) octets in a buffer of \(buffer.count)")
      precondition(processor >= 0 && processor < tables.processorCount, "there is no processor \(processor)")
      return run(buffer, length: &length, now: now, processor: UInt32(processor), copy: nil)
    }

    /// The verdict on a frame that cannot grow.
    public func process(_ frame: UnsafeMutableRawBufferPointer, now: UInt64, processor: Int = 0) -> Outcome {
      var length = frame.count
      return process(frame, length: &length, now: now, processor: processor)
    }

    /// What would become of a frame, and the frame that would result. Counts nothing, and changes no flow.
    public func trace(_ frame: [UInt8], now: UInt64) -> (outcome: Outcome, result: [UInt8]) {
      var result = frame + [UInt8](repeating: 0, count: 64)
      var length = frame.count
      var copy = skein_flow()
      var outcome = withUnsafeMutablePointer(to: &copy) { copy in
        result.withUnsafeMutableBytes { run($0, length: &length, now: now, processor: 0, copy: copy) }
      }
      // It would be remembered.
      if outcome.counter == .serviceUnrecorded { outcome.counter = .serviceToServer }
      return (outcome, Array(result.prefix(length)))
    }

    /// Works on the tables as the packet path does, without a frame.
    func withPath<Result>(now: UInt64, processor: Int = 0, _ body: (Path<NativeTables>) -> Result) -> Result {
      var length = 0
      return withUnsafeMutablePointer(to: &length) { length in
        body(
          Path(
            NativeTables(
              tables: tables, now: now, processor: UInt32(processor), copy: nil, capacity: 0, length: length, router: nil)))
      }
    }

    private func run(
      _ buffer: UnsafeMutableRawBufferPointer, length: inout Int, now: UInt64, processor: UInt32, copy: UnsafeMutablePointer<skein_flow>?
    ) -> Outcome {
      guard let base = buffer.baseAddress else { return Outcome(.pass, .malformedPassed) }
      let start = UInt(bitPattern: base)
      return withUnsafeMutablePointer(to: &length) { length in
        let memory = NativeTables(
          tables: tables, now: now, processor: processor, copy: copy, capacity: buffer.count, length: length, router: router)
        return PacketPath.process(Packet(start: start, end: start + UInt(length.pointee)), memory)
      }
    }
  }

  /// Memory of this process, as tables.
  struct NativeTables: Tables {
    let tables: PacketTables
    let now: UInt64
    let processor: UInt32
    /// Where a flow is copied to, of a frame that is only traced: nothing is counted, remembered or changed.
    let copy: UnsafeMutablePointer<skein_flow>?
    let capacity: Int
    let length: UnsafeMutablePointer<Int>
    let router: ((skein_route_question) -> skein_route)?

    @inline(__always) var settings: UnsafePointer<skein_settings> { UnsafePointer(tables.settings) }
    @inline(__always) var flowTime: UInt32 { UInt32(truncatingIfNeeded: now >> UInt64(skein_flow_time_shift)) }
    @inline(__always) var leaseDeadline: UInt64 { skein_word_load(&tables.lease.pointee.deadline) }
    @inline(__always) var routesChanged: UInt64 { skein_word_load(&tables.lease.pointee.routes_changed) }
    /// The native build is told of one interface's frames only, and asks the kernel nothing about it.
    @inline(__always) var interface: UInt32 { 0 }
    @inline(__always) func unit(_ index: UInt32) -> UnsafeMutablePointer<skein_unit> { tables.units + Int(index) }
    @inline(__always) func member(_ index: UInt32) -> UnsafeMutablePointer<skein_member> { tables.members + Int(index) }
    @inline(__always) func role(_ index: UInt32) -> UnsafeMutablePointer<skein_known_address> { tables.roles + Int(index) }
    @inline(__always) func virtualServer(_ index: UInt32) -> UnsafeMutablePointer<skein_virtual_server> {
      tables.virtualServers + Int(index) % Int(skein_virtual_server_count)
    }
    @inline(__always) func server(_ index: UInt32) -> UnsafeMutablePointer<skein_server> {
      tables.servers + Int(index) % Int(skein_server_count)
    }
    @inline(__always) func endpoints(_ bucket: UInt32) -> UnsafeMutablePointer<skein_service_bucket>? { tables.endpoints + Int(bucket) }
    @inline(__always) func choices(_ block: UInt32) -> UnsafeMutablePointer<skein_choices>? {
      block < tables.sizes.choice_blocks ? tables.choices + Int(block) : nil
    }
    @inline(__always) func flowBucket(_ index: UInt32) -> UnsafeMutablePointer<skein_flow_bucket>? {
      index < tables.sizes.flow_buckets ? tables.flowBuckets + Int(index) : nil
    }
    @inline(__always) func flow(_ index: UInt32) -> UnsafeMutablePointer<skein_flow>? {
      guard index < tables.sizes.flows else { return nil }
      guard let copy else { return tables.flows + Int(index) }
      copy.pointee = tables.flows[Int(index)]
      return copy
    }
    @inline(__always) func spareFlow() -> UInt32? {
      guard copy == nil else { return nil }
      let line = skein_spare_take(tables.spares + Int(processor))
      return line < 0 ? nil : UInt32(line)
    }
    @inline(__always) func fragment(_ index: UInt32) -> UnsafeMutablePointer<skein_fragment>? { tables.fragments + Int(index) }

    @inline(__always) func count(_ counter: PacketCounter) {
      guard copy == nil else { return }
      tables.counters[min(Int(processor), Int(skein_counter_rows) - 1) * Int(skein_counter_count) + Int(counter.rawValue)] &+= 1
    }

    @inline(__always) func count(octets: UInt64, of unit: UInt32) {
      guard copy == nil else { return }
      let record = tables.traffic + (Int(processor) * Int(skein_traffic_count) + Int(unit))
      record.pointee.packets &+= 1
      record.pointee.octets &+= octets
    }

    /// The caller has the frame already.
    @inline(__always) func sendUp(_ frame: Packet, unit: UInt32, reason: skein_upcall_reason) -> Bool { true }

    /// Only with a router: what is remembered in the running kernel program's tables is its processors' alone.
    @inline(__always) func routeMemo(_ index: UInt32) -> UnsafeMutablePointer<skein_route_memo>? {
      guard router != nil, index < UInt32(skein_route_memo_count) else { return nil }
      return tables.routes + (Int(processor) * Int(skein_route_memo_count) + Int(index))
    }

    @inline(__always) func route(_ question: skein_route_question) -> skein_route {
      router?(question)
        ?? skein_route(answer: Int32(skein_route_not_forwarded), interface: 0, source: 0, destination: 0, length_limit: 0)
    }

    /// Only with a router, whose caller knows.
    @inline(__always) func redirect(to interface: UInt32) {}

    @inline(__always) func resized(_ frame: Packet, by octets: Int32) -> Packet? {
      let wanted = Int(frame.length) + Int(octets)
      guard wanted >= 0 && wanted <= capacity else { return nil }
      length.pointee = wanted
      return Packet(start: frame.start, end: frame.start &+ UInt(wanted))
    }
  }
#endif
