import CPacketPath

// The kernel's routes are asked once for all packets that ask the same: source, destination, ports, class and interface. So whatever
// the answer depends on, rules by source or by port, several ways, routes by class, it is that answer. Each processor has a memory of its
// own, 4,096 records without neighbourhoods: a collision only asks again. The daemon listens to the kernel and says when anything changed,
// which voids all that was learnt before; and nothing is believed for longer than `memoLifetime`, should the daemon be late.

/// Nanoseconds for which an answer of the kernel's is believed.
private var memoLifetime: UInt64 { 100_000_000 }

extension Path {
  /// What the kernel's routes say, or said a moment ago.
  @inline(__always) func remembered(_ question: skein_route_question, at now: UInt64) -> skein_route {
    let changed = memory.routesChanged
    guard changed != 0, let memo = memory.routeMemo(memoIndex(question)) else { return memory.route(question) }
    let learnt = memo.pointee.learnt
    // Learnt before the question was asked, so that a change in between voids it.
    if learnt > changed && now &- learnt < memoLifetime && answers(memo, question) {
      return skein_route(
        answer: Int32(skein_route_found), interface: memo.pointee.interface, source: memo.pointee.source,
        destination: memo.pointee.destination, length_limit: UInt64(memo.pointee.question.length))
    }
    let route = memory.route(question)
    if route.answer == Int32(skein_route_found) { remember(route, question, in: memo, at: now) }
    return route
  }

  @inline(__always) private func remember(
    _ route: skein_route, _ question: skein_route_question, in memo: UnsafeMutablePointer<skein_route_memo>, at now: UInt64
  ) {
    memo.pointee.learnt = now
    memo.pointee.question = question
    memo.pointee.question.length = UInt16(truncatingIfNeeded: min(route.length_limit, 0xffff))
    memo.pointee.source = route.source
    memo.pointee.destination = route.destination
    memo.pointee.interface = route.interface
  }

  /// The same question, about a packet that is not too long for the answer.
  @inline(__always) private func answers(_ memo: UnsafeMutablePointer<skein_route_memo>, _ question: skein_route_question) -> Bool {
    let known = memo.pointee.question
    let addresses = differ(known.source, question.source) | differ(known.destination, question.destination)
    let numbers = (known.traffic_class ^ question.traffic_class) | (known.interface ^ question.interface)
    let ports = (known.source_port ^ question.source_port) | (known.destination_port ^ question.destination_port)
    let kind = (known.is_ipv6 ^ question.is_ipv6) | (known.protocol ^ question.protocol)
    return addresses | UInt64(numbers) | UInt64(ports) | UInt64(kind) == 0 && question.length <= known.length
  }

  @inline(__always) private func differ(_ one: skein_address, _ other: skein_address) -> UInt64 {
    let first = Address(one)
    let second = Address(other)
    return (first.high ^ second.high) | (first.low ^ second.low)
  }

  @inline(__always) private func memoIndex(_ question: skein_route_question) -> UInt32 {
    let ports = UInt32(question.source_port) | UInt32(question.destination_port) << 16
    let addresses = hash.source(Address(question.source), port: 0) ^ hash.destination(Address(question.destination))
    return mixed(addresses ^ mixed(ports ^ UInt32(question.protocol))) & UInt32(skein_route_memo_count - 1)
  }
}

extension Address {
  @inline(__always) init(_ record: skein_address) {
    self.init(
      high: UInt64(record.words.0) | UInt64(record.words.1) << 32, low: UInt64(record.words.2) | UInt64(record.words.3) << 32)
  }
}
