import CPacketPath

// The fragment table: 4,096 entries of one cache line, a neighbourhood of four. Several processors write it without a lock: a writer
// claims an entry by swapping its deadline for `claimed`, fills it, and publishes it by swapping the new deadline in; a reader compares
// the deadline before and after. A full neighbourhood loses its oldest entry, whose datagram then falls to the master like an unknown one.

/// Nanoseconds for which a datagram's first fragment is remembered. Fragments of one datagram arrive together; five seconds outlast any
/// reordering, and are far below the time in which a busy sender wraps the 16 bits of IPv4's identification.
private var fragmentLifetime: UInt64 { 5_000_000_000 }
/// The deadline of an entry that somebody is writing.
private var claimed: UInt64 { 1 }
private var neighbourhood: UInt32 { 4 }

extension Path {
  /// The unit of the datagram that this is a fragment of; `noUnit` when it is not remembered.
  @inline(__always) func rememberedUnit(_ headers: Headers) -> UInt32 {
    let first = fragmentIndex(headers)
    let now = memory.now
    for step in 0..<neighbourhood {
      guard let entry = fragmentEntry(first &+ step) else { return Outcome.noUnit }
      let deadline = skein_word_load(&entry.pointee.deadline)
      if deadline > now && matches(entry, headers) {
        let unit = UInt32(entry.pointee.unit)
        // Swapped for itself: a barrier, without which another processor's half-written entry might pass for this one.
        return skein_word_exchange_if(&entry.pointee.deadline, deadline, deadline) == deadline ? unit : Outcome.noUnit
      }
    }
    return Outcome.noUnit
  }

  /// Remembers the unit of a datagram by its first fragment.
  @inline(__always) func remember(_ headers: Headers, unit: UInt32) {
    let first = fragmentIndex(headers)
    let now = memory.now
    guard var victim = fragmentEntry(first) else { return }
    var oldest = UInt64.max
    for step in 0..<neighbourhood {
      guard let entry = fragmentEntry(first &+ step) else { return }
      let deadline = skein_word_load(&entry.pointee.deadline)
      if deadline == claimed { continue }
      if deadline > now && matches(entry, headers) {
        victim = entry
        oldest = deadline
        break
      }
      // All that has expired is equally old, so the first of it is taken.
      let age = deadline <= now ? 0 : deadline
      if age < oldest {
        victim = entry
        oldest = age
      }
    }
    write(headers, unit, to: victim, deadline: now &+ fragmentLifetime)
  }

  @inline(__always) private func write(
    _ headers: Headers, _ unit: UInt32, to entry: UnsafeMutablePointer<skein_fragment>, deadline: UInt64
  ) {
    let current = skein_word_load(&entry.pointee.deadline)
    // Another processor was faster: its datagram is remembered, this one falls to the master.
    guard current != claimed, skein_word_exchange_if(&entry.pointee.deadline, current, claimed) == current else { return }
    entry.pointee.source = headers.source.words
    entry.pointee.destination = headers.destination.words
    entry.pointee.identification = headers.identification
    entry.pointee.unit = UInt16(truncatingIfNeeded: unit)
    entry.pointee.protocol = headers.fragmentedProtocol
    _ = skein_word_exchange_if(&entry.pointee.deadline, claimed, deadline)
  }

  @inline(__always) private func fragmentEntry(_ index: UInt32) -> UnsafeMutablePointer<skein_fragment>? {
    memory.fragment(index & UInt32(skein_fragment_count - 1))
  }

  @inline(__always) private func fragmentIndex(_ headers: Headers) -> UInt32 {
    mixed(
      hash.source(headers.source, port: 0) ^ hash.destination(headers.destination)
        ^ mixed(headers.identification ^ UInt32(headers.fragmentedProtocol)))
  }

  @inline(__always) private func matches(_ entry: UnsafeMutablePointer<skein_fragment>, _ headers: Headers) -> Bool {
    let source = headers.source.words
    let destination = headers.destination.words
    let there = entry.pointee
    let sources =
      (there.source.0 ^ source.0) | (there.source.1 ^ source.1) | (there.source.2 ^ source.2) | (there.source.3 ^ source.3)
    let destinations =
      (there.destination.0 ^ destination.0) | (there.destination.1 ^ destination.1) | (there.destination.2 ^ destination.2)
      | (there.destination.3 ^ destination.3)
    return sources | destinations | (there.identification ^ headers.identification) | UInt32(there.protocol ^ headers.fragmentedProtocol)
      == 0
  }
}
