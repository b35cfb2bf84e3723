import CPacketPath

/// The maps, as tables.
struct KernelTables: Tables {
  let context: UnsafePointer<skein_xdp_context>
  let here = skein_kernel_here()

  @inline(__always) var settings: UnsafePointer<skein_settings> { UnsafePointer(skein_kernel_settings(here, 0)) }
  @inline(__always) var now: UInt64 { skein_kernel_boot_time() }
  @inline(__always) var flowTime: UInt32 {
    UInt32(truncatingIfNeeded: (skein_kernel_tick_time() &+ settings.pointee.suspended) >> UInt64(skein_flow_time_shift))
  }
  @inline(__always) var leaseDeadline: UInt64 { skein_word_load(&skein_kernel_lease(here, 0).pointee.deadline) }
  @inline(__always) var routesChanged: UInt64 { skein_word_load(&skein_kernel_lease(here, 0).pointee.routes_changed) }
  @inline(__always) var interface: UInt32 { context.pointee.ingress_ifindex }
  @inline(__always) func unit(_ index: UInt32) -> UnsafeMutablePointer<skein_unit> { skein_kernel_unit(here, index) }
  @inline(__always) func member(_ index: UInt32) -> UnsafeMutablePointer<skein_member> { skein_kernel_members(here, index) }
  @inline(__always) func role(_ index: UInt32) -> UnsafeMutablePointer<skein_known_address> { skein_kernel_roles(here, index) }
  @inline(__always) func virtualServer(_ index: UInt32) -> UnsafeMutablePointer<skein_virtual_server> {
    skein_kernel_virtual_servers(here, index)
  }
  @inline(__always) func server(_ index: UInt32) -> UnsafeMutablePointer<skein_server> { skein_kernel_servers(here, index) }
  @inline(__always) func endpoints(_ bucket: UInt32) -> UnsafeMutablePointer<skein_service_bucket>? { skein_kernel_endpoints(bucket) }
  @inline(__always) func choices(_ block: UInt32) -> UnsafeMutablePointer<skein_choices>? { skein_kernel_choices(block) }
  @inline(__always) func flowBucket(_ index: UInt32) -> UnsafeMutablePointer<skein_flow_bucket>? { skein_kernel_flow_buckets(index) }
  @inline(__always) func flow(_ index: UInt32) -> UnsafeMutablePointer<skein_flow>? { skein_kernel_flows(index) }
  @inline(__always) func spareFlow() -> UInt32? {
    guard let spares = skein_kernel_spares(0) else { return nil }
    let line = skein_spare_take(spares)
    return line < 0 ? nil : UInt32(truncatingIfNeeded: line)
  }
  @inline(__always) func fragment(_ index: UInt32) -> UnsafeMutablePointer<skein_fragment>? { skein_kernel_fragments(index) }
  @inline(__always) func routeMemo(_ index: UInt32) -> UnsafeMutablePointer<skein_route_memo>? { skein_kernel_routes(index) }

  @inline(__always) func count(_ counter: PacketCounter) { skein_kernel_count(here, counter.rawValue) }

  @inline(__always) func count(octets: UInt64, of unit: UInt32) {
    if let traffic = skein_kernel_traffic(unit) {
      traffic.pointee.packets &+= 1
      traffic.pointee.octets &+= octets
    }
  }

  @inline(__always) func sendUp(_ frame: Packet, unit: UInt32, reason: skein_upcall_reason) -> Bool {
    if unit == Outcome.noUnit, skein_kernel_ring_fill() >= UInt64(skein_ring_share) { return false }
    let small = UInt64(skein_small_frame_limit)
    if UInt64(frame.length) <= small { return fill(skein_kernel_reserve_small(), frame, unit, reason, limit: small) }
    return fill(skein_kernel_reserve(), frame, unit, reason, limit: UInt64(skein_frame_limit))
  }

  @inline(__always) private func fill(
    _ upcall: UnsafeMutablePointer<skein_upcall>?, _ frame: Packet, _ unit: UInt32, _ reason: skein_upcall_reason, limit: UInt64
  ) -> Bool {
    guard let upcall else { return false }
    let length = UInt64(frame.length)
    let copied = length < limit ? length : limit
    upcall.pointee.interface = context.pointee.ingress_ifindex
    upcall.pointee.unit = UInt16(truncatingIfNeeded: unit)
    upcall.pointee.reason = UInt16(truncatingIfNeeded: reason.rawValue)
    upcall.pointee.frame_length = UInt32(truncatingIfNeeded: length)
    upcall.pointee.copied_length = UInt32(truncatingIfNeeded: copied)
    guard skein_kernel_copy_frame(context, upcall, copied, limit) == 0 else {
      skein_kernel_discard(upcall)
      return false
    }
    skein_kernel_submit(upcall)
    return true
  }

  @inline(__always) func route(_ question: skein_route_question) -> skein_route {
    var question = question
    return skein_kernel_route(context, &question)
  }

  @inline(__always) func redirect(to interface: UInt32) { _ = skein_kernel_redirect(interface) }

  @inline(__always) func resized(_ frame: Packet, by octets: Int32) -> Packet? {
    guard skein_kernel_adjust_tail(context, octets) == 0 else { return nil }
    return Packet(context)
  }
}

extension Packet {
  @inline(__always) init(_ context: UnsafePointer<skein_xdp_context>) {
    self.init(start: UInt(context.pointee.data), end: UInt(context.pointee.data_end))
  }
}

extension KernelTables {
  /// The end of a stage: the verdict in XDP's numbers, or the program that goes on, which this one then never hears of again.
  @inline(__always) func end(_ step: Step) -> Int32 {
    switch step {
    // What most packets come to has code of its own, in which all is constant.
    case .done(let outcome) where outcome.counter == .notMine:
      count(.notMine)
      return 1
    case .done(let outcome):
      count(outcome.counter)
      // What went up was copied.
      return Int32(truncatingIfNeeded: (outcome.verdict == .up ? .drop : outcome.verdict).rawValue)
    case .goOn(.whole): skein_kernel_go_on(context, UInt32(skein_stage_whole))
    case .goOn(.forwarder): skein_kernel_go_on(context, UInt32(skein_stage_forwarder))
    case .goOn(.virtualServer): skein_kernel_go_on(context, UInt32(skein_stage_virtual_server))
    }
    count(.tableMissing)
    return 1
  }
}

/// The packet path's first stage.
@_cdecl("skein_path") public func skeinPath(_ context: UnsafePointer<skein_xdp_context>) -> Int32 {
  let memory = KernelTables(context: context)
  return memory.end(begin(Packet(context), memory))
}

/// Its stage for whatever may come.
@_cdecl("skein_whole") public func skeinWhole(_ context: UnsafePointer<skein_xdp_context>) -> Int32 {
  let memory = KernelTables(context: context)
  return memory.end(goOn(.whole, Packet(context), memory))
}

/// Its stage for the gateway's virtual MAC addresses.
@_cdecl("skein_forwarder") public func skeinForwarder(_ context: UnsafePointer<skein_xdp_context>) -> Int32 {
  let memory = KernelTables(context: context)
  return memory.end(goOn(.forwarder, Packet(context), memory))
}

/// Its stage for virtual servers.
@_cdecl("skein_virtual") public func skeinVirtual(_ context: UnsafePointer<skein_xdp_context>) -> Int32 {
  let memory = KernelTables(context: context)
  return memory.end(goOn(.virtualServer, Packet(context), memory))
}

/// Nothing at all: the floor of every measurement.
@_cdecl("skein_empty") public func skeinEmpty(_ context: UnsafePointer<skein_xdp_context>) -> Int32 { 1 }

/// Lets everything pass: for the peer of a virtual Ethernet pair, which receives transmitted frames only if it runs a program.
@_cdecl("skein_pass") public func skeinPass(_ context: UnsafePointer<skein_xdp_context>) -> Int32 { 2 }
