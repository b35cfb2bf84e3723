import CPacketPath

// The table of flows: flat memory that the packet path, the daemon and its simulation work on by the same functions.
//
// A flow is a line of 64 octets. Which line, an index tells: buckets of eight slots, one cache line each, of which a key has two and takes
// the emptier one. Several processors and the daemon insert without a lock:
//
//   claim     a spare line is filled, its state `claimed`, and put into a free slot by compare-and-swap;
//   look      both buckets are looked through again: of two equal keys that are claimed the one in the lower place wins, and one that has
//             been decided wins over one that has not;
//   decide    by compare-and-swap on the line's state, which fails if a winner has withdrawn it meanwhile.
//
// So two processors with two packets of one connection never decide twice. The daemon alone takes lines back, and in steps: `dying`, from which
// any packet brings it back; `withdrawn`, which nobody finds any more; and spare only when no program can still hold its address.

/// What a flow is found by. An answer's is the same as the question's: the server's address says which service it belongs to.
struct FlowKey {
  var client: Address
  /// Network byte order.
  var clientPort: UInt16
  var virtualServer: UInt16
}

/// Where a key's flow may be.
struct FlowPlace {
  /// What the slots hold of the key's hash.
  let tag: UInt32
  let mask: UInt32

  @inline(__always) var first: UInt32 { mixed(tag) & mask }
  @inline(__always) var second: UInt32 { mixed(tag ^ 0x9e37_79b9) & mask }

  /// Under keys of this table alone, so that nobody can aim at one bucket.
  @inline(__always) init(_ key: FlowKey, _ settings: UnsafePointer<skein_settings>) {
    let words = key.client.words
    var sum = skein_flow_key(settings, 0)
    sum = sum &+ skein_flow_key(settings, 1) &* UInt64(words.0)
    sum = sum &+ skein_flow_key(settings, 2) &* UInt64(words.1)
    sum = sum &+ skein_flow_key(settings, 3) &* UInt64(words.2)
    sum = sum &+ skein_flow_key(settings, 4) &* UInt64(words.3)
    sum = sum &+ skein_flow_key(settings, 5) &* (UInt64(key.clientPort) | UInt64(key.virtualServer) << 16)
    tag = UInt32(truncatingIfNeeded: sum >> 32)
    mask = settings.pointee.flow_bucket_mask
  }
}

/// A flow that was found.
struct FlowLine {
  let number: UInt32
  let line: UnsafeMutablePointer<skein_flow>
  /// As it was when it was found.
  var word: skein_flow_word
}

/// What a new flow came to.
enum NewFlow {
  /// It is this caller's to decide.
  case claimed(FlowLine)
  /// Somebody else has it.
  case known
  /// No spare line.
  case exhausted
  /// Both of its buckets are full.
  case crowded
}

extension Path {
  /// The flow of a key, claimed, decided or dying; nil when there is none.
  @inline(__always) func flow(_ key: FlowKey, _ place: FlowPlace) -> FlowLine? {
    if let found = flow(key, place.tag, in: place.first) { return found }
    return flow(key, place.tag, in: place.second)
  }

  @inline(__always) private func flow(_ key: FlowKey, _ tag: UInt32, in bucket: UInt32) -> FlowLine? {
    guard let bucket = memory.flowBucket(bucket) else { return nil }
    for index in 0..<UInt32(skein_flow_slot_count) {
      let slot = skein_word_load(skein_flow_slot(bucket, index))
      let number = UInt32(truncatingIfNeeded: slot)
      guard UInt32(truncatingIfNeeded: slot >> 32) == tag, number != 0, let line = memory.flow(number &- 1), matches(line, key) else {
        continue
      }
      let word = skein_flow_load(line)
      if word.state >= UInt8(skein_flow_claimed) && word.state <= UInt8(skein_flow_dying) {
        return FlowLine(number: number &- 1, line: line, word: word)
      }
    }
    return nil
  }

  @inline(__always) private func matches(_ line: UnsafeMutablePointer<skein_flow>, _ key: FlowKey) -> Bool {
    let high = skein_address_half(&line.pointee.client, 0) ^ key.client.high
    let low = skein_address_half(&line.pointee.client, 1) ^ key.client.low
    let rest = UInt64(line.pointee.client_port ^ key.clientPort) | UInt64(line.pointee.virtual_server ^ key.virtualServer)
    return high | low | rest == 0
  }

  /// Claims a flow that was not found, for the caller to decide.
  /// - Parameter deadline: until when it must have been decided.
  @inline(__always) func claimFlow(_ key: FlowKey, _ place: FlowPlace, deadline: UInt32) -> NewFlow {
    guard let number = memory.spareFlow(), let line = memory.flow(number) else { return .exhausted }
    line.pointee.client = skein_address(words: key.client.words)
    line.pointee.client_port = key.clientPort
    line.pointee.virtual_server = key.virtualServer
    line.pointee.deadline = deadline
    line.pointee.packets = (0, 0)
    line.pointee.octets = (0, 0)
    skein_flow_set_last_hop(line, 0)
    let spare = skein_flow_load(line)
    let word = skein_flow_word(state: UInt8(skein_flow_claimed), tcp: 0, server: 0, version: spare.version &+ 1)
    // Nobody else has the line.
    guard skein_flow_exchange_if(line, spare, word) != 0 else { return .exhausted }
    let content = UInt64(place.tag) << 32 | UInt64(number &+ 1)
    guard let slot = putIn(content, place) else {
      let withdrawn = skein_flow_word(state: UInt8(skein_flow_withdrawn), tcp: 0, server: 0, version: word.version)
      _ = skein_flow_exchange_if(line, word, withdrawn)
      return .crowded
    }
    let mine = FlowLine(number: number, line: line, word: word)
    if isFirst(mine, key, place, in: place.first) && isFirst(mine, key, place, in: place.second) {
      return .claimed(mine)
    }
    withdraw(mine, content, slot)
    return .known
  }

  /// Into a free slot of the emptier of its two buckets.
  @inline(__always) private func putIn(_ content: UInt64, _ place: FlowPlace) -> UnsafeMutablePointer<UInt64>? {
    guard let first = memory.flowBucket(place.first), let second = memory.flowBucket(place.second) else { return nil }
    let isSecond = freeSlots(second) > freeSlots(first)
    return putIn(content, isSecond ? second : first) ?? putIn(content, isSecond ? first : second)
  }

  /// Without a branch, or the verifier would follow each way through them.
  @inline(__always) private func freeSlots(_ bucket: UnsafeMutablePointer<skein_flow_bucket>) -> UInt {
    var count: UInt = 0
    for index in 0..<UInt32(skein_flow_slot_count) {
      let number = UInt(truncatingIfNeeded: skein_word_load(skein_flow_slot(bucket, index))) & 0xffff_ffff
      count = count &+ (skein_opaque(number) &- 1) >> 63
    }
    return skein_opaque(count)
  }

  @inline(__always) private func putIn(
    _ content: UInt64, _ bucket: UnsafeMutablePointer<skein_flow_bucket>
  ) -> UnsafeMutablePointer<UInt64>? {
    for index in 0..<UInt32(skein_flow_slot_count) {
      let slot = skein_flow_slot(bucket, index)
      if skein_word_load(slot) == 0 && skein_word_exchange_if(slot, 0, content) == 0 { return slot }
    }
    return nil
  }

  /// Whether no flow of the same key in this bucket wins over a claimed one. One that does not win is withdrawn.
  @inline(__always) private func isFirst(
    _ mine: FlowLine, _ key: FlowKey, _ place: FlowPlace, in bucket: UInt32
  ) -> Bool {
    guard let bucket = memory.flowBucket(bucket) else { return false }
    for index in 0..<UInt32(skein_flow_slot_count) {
      let slot = skein_flow_slot(bucket, index)
      let content = skein_word_load(slot)
      let number = UInt32(truncatingIfNeeded: content) &- 1
      guard UInt32(truncatingIfNeeded: content >> 32) == place.tag, number != mine.number, let other = memory.flow(number),
        matches(other, key)
      else { continue }
      var word = skein_flow_load(other)
      if word.state == UInt8(skein_flow_claimed) {
        // Of the two, that of the lower number wins: both sides see the same two.
        if number < mine.number { return false }
        let withdrawn = skein_flow_word(state: UInt8(skein_flow_withdrawn), tcp: word.tcp, server: word.server, version: word.version)
        if skein_flow_exchange_if(other, word, withdrawn) != 0 { continue }
        word = skein_flow_load(other)
      }
      if word.state == UInt8(skein_flow_live) || word.state == UInt8(skein_flow_dying) { return false }
    }
    return true
  }

  /// Decides a claimed flow; false when another's claim has won.
  @inline(__always) func decideFlow(_ flow: FlowLine, server: UInt16, tcp: UInt8) -> Bool {
    let word = skein_flow_word(state: UInt8(skein_flow_live), tcp: tcp, server: server, version: flow.word.version)
    return skein_flow_exchange_if(flow.line, flow.word, word) != 0
  }

  /// Whose state another has changed has been withdrawn already, and its slot is the daemon's to free: it may be another flow's by now.
  @inline(__always) private func withdraw(_ flow: FlowLine, _ content: UInt64, _ slot: UnsafeMutablePointer<UInt64>) {
    var word = flow.word
    word.state = UInt8(skein_flow_withdrawn)
    if skein_flow_exchange_if(flow.line, flow.word, word) != 0 { _ = skein_word_exchange_if(slot, content, 0) }
  }
}

#if !hasFeature(Embedded)
  extension PacketTables {
    /// Makes the table of flows ready for its first flow: six keys that nobody outside knows, which stay as long as it has any.
    public func prepareFlows(_ generator: inout some RandomNumberGenerator) {
      precondition(sizes.flow_buckets & (sizes.flow_buckets - 1) == 0, "\(sizes.flow_buckets) buckets are no power of two")
      settings.pointee.flow_bucket_mask = sizes.flow_buckets - 1
      if settings.pointee.flow_keys.0 != 0 { return }
      func key() -> UInt64 { generator.next() | 1 }
      settings.pointee.flow_keys = (key(), key(), key(), key(), key(), key())
    }
  }

  extension NativePacketPath {
    /// The flow of a client at a virtual server, as it is now; nil when there is none.
    public func flow(client: skein_address, port: UInt16, virtualServer: Int) -> skein_flow? {
      withPath(now: 0) { path in
        let key = FlowKey(client: Address(client), clientPort: port.bigEndian, virtualServer: UInt16(virtualServer))
        return path.flow(key, FlowPlace(key, path.settings))?.line.pointee
      }
    }

    /// Remembers a flow that was not seen beginning here.
    /// - Parameters:
    ///   - server: nil while that is still to be decided.
    ///   - deadline: CLOCK_BOOTTIME, nanoseconds.
    ///   - lastHop: the hardware address that the client's packets come from, six octets, the first lowest; 0 while it is not known.
    /// - Returns: false when it is known, or there is no room.
    @discardableResult
    public func remember(
      client: skein_address, port: UInt16, virtualServer: Int, server: Int?, deadline: UInt64, lastHop: UInt64 = 0
    ) -> Bool {
      withPath(now: 0) { path in
        let key = FlowKey(client: Address(client), clientPort: port.bigEndian, virtualServer: UInt16(virtualServer))
        let place = FlowPlace(key, path.settings)
        let time = UInt32(truncatingIfNeeded: deadline >> UInt64(skein_flow_time_shift))
        guard path.flow(key, place) == nil, case .claimed(let flow) = path.claimFlow(key, place, deadline: time) else { return false }
        skein_flow_set_last_hop(flow.line, lastHop)
        guard let server else { return true }
        return path.decideFlow(flow, server: UInt16(server), tcp: 0)
      }
    }
  }
#endif
