#if !hasFeature(Embedded)
  public import CPacketPath

  /// The daemon's half of the table of flows: takes back the lines of flows whose time is up, and keeps lines ready for new ones.
  ///
  /// Every line is looked at once in a round. What a flow goes through on its way out takes a round for each step, so that no program that
  /// still holds a line's address can be surprised: live → dying (any packet brings it back) → withdrawn, its slot freed → spare. A round
  /// must take longer than a program may run: a second is a thousand times that.
  public struct FlowKeeper: Sendable {
    /// How many lines are in which state.
    public struct Census: Equatable, Sendable {
      /// Decided flows, those included whose time is up.
      public var live = 0
      /// Lines on their way back.
      public var returning = 0
      /// Lines that are ready for processors.
      public var ready = 0
      /// Lines that are neither used nor ready.
      public var spare = 0
    }

    private var next = 0
    /// Live flows of each server, counted in the last round, and so far in this one.
    private var counts: [Int32] = .init(repeating: 0, count: Int(skein_server_count))
    /// Virtual servers that are gone, and in how many more rounds their flows are looked for.
    private var gone: [Int: Int] = [:]
    private var counting: [Int32] = .init(repeating: 0, count: Int(skein_server_count))
    /// Lines that are neither used nor ready for a processor.
    private var spare: [UInt32] = []

    /// Of tables that nobody uses yet, or that an earlier daemon left: what is neither in use nor ready is spare.
    public init(_ tables: PacketTables) {
      var isTaken = [Bool](repeating: false, count: Int(tables.sizes.flows))
      for processor in 0..<tables.processorCount {
        let spares = tables.spares + processor
        var number = skein_word_load(&spares.pointee.taken)
        let end = skein_word_load(&spares.pointee.filled)
        while number < end && end - number <= UInt64(skein_spare_count) {
          let line = Int(skein_spare_at(spares, number))
          if line < isTaken.count { isTaken[line] = true }
          number += 1
        }
      }
      // Low lines last: they are used first, and the table stays dense.
      for line in isTaken.indices.reversed() where !isTaken[line] {
        if skein_flow_load(tables.flows + line).state == UInt8(skein_flow_spare) { spare.append(UInt32(line)) }
      }
      fill(tables)
    }

    /// Puts lines at the processors' disposal, as many as they have room for, in turns.
    public mutating func fill(_ tables: PacketTables) {
      var open = (0..<tables.processorCount).map { tables.spares + $0 }
      while !open.isEmpty && !spare.isEmpty {
        open.removeAll { spares in
          guard let line = spare.popLast() else { return true }
          if skein_spare_put(spares, line) != 0 { return false }
          spare.append(line)
          return true
        }
      }
    }

    /// Looks at the next `count` lines, and takes back what is over.
    /// - Parameters:
    ///   - now: CLOCK_BOOTTIME, nanoseconds.
    ///   - ended: is told of each flow that is over, as it was at last.
    public mutating func sweep(_ tables: PacketTables, lines count: Int, now: UInt64, ended: (skein_flow) -> Void = { _ in }) {
      let time = UInt32(truncatingIfNeeded: now >> UInt64(skein_flow_time_shift))
      let total = Int(tables.sizes.flows)
      for _ in 0..<min(count, total) {
        visit(tables, next, at: time, ended)
        next += 1
        guard next == total else { continue }
        next = 0
        swap(&counts, &counting)
        for server in counting.indices { counting[server] = 0 }
        gone = gone.mapValues { $0 - 1 }.filter { $0.value > 0 }
      }
      fill(tables)
    }

    private mutating func visit(_ tables: PacketTables, _ number: Int, at time: UInt32, _ ended: (skein_flow) -> Void) {
      let line = tables.flows + number
      let word = skein_flow_load(line)
      guard word.state != UInt8(skein_flow_spare) else { return }
      if word.state == UInt8(skein_flow_live) || word.state == UInt8(skein_flow_dying), Int(word.server) < counting.count {
        counting[Int(word.server)] += 1
      }
      let isOver = Int32(bitPattern: time &- skein_flow_deadline(line)) >= 0
      func become(_ state: Int) -> Bool {
        var next = word
        next.state = UInt8(state)
        return skein_flow_exchange_if(line, word, next) != 0
      }
      if !gone.isEmpty, gone[Int(line.pointee.virtual_server)] != nil,
        word.state >= UInt8(skein_flow_claimed) && word.state <= UInt8(skein_flow_dying)
      {
        _ = become(skein_flow_withdrawn)
        return
      }
      switch Int(word.state) {
      case skein_flow_live where isOver: _ = become(skein_flow_dying)
      case skein_flow_claimed where isOver: _ = become(skein_flow_withdrawn)
      case skein_flow_dying where !isOver: _ = become(skein_flow_live)
      case skein_flow_dying:
        let flow = line.pointee
        if become(skein_flow_withdrawn) { ended(flow) }
      case skein_flow_withdrawn:
        unlink(tables, UInt32(number))
        _ = become(skein_flow_unlinked)
      case skein_flow_unlinked:
        if become(skein_flow_spare) { spare.append(UInt32(number)) }
      default: break
      }
    }

    /// Frees the slot that leads to a line, if it still has one.
    private func unlink(_ tables: PacketTables, _ number: UInt32) {
      let flow = tables.flows[Int(number)]
      let place = FlowPlace(
        FlowKey(client: Address(flow.client), clientPort: flow.client_port, virtualServer: flow.virtual_server),
        UnsafePointer(tables.settings))
      let content = UInt64(place.tag) << 32 | UInt64(number + 1)
      for bucket in [place.first, place.second] where bucket < tables.sizes.flow_buckets {
        for index in 0..<UInt32(skein_flow_slot_count) {
          let slot = skein_flow_slot(tables.flowBuckets + Int(bucket), index)
          if skein_word_load(slot) == content { _ = skein_word_exchange_if(slot, content, 0) }
        }
      }
    }

    /// Has the flows of a virtual server that is gone end in the next rounds, whatever still comes of them.
    public mutating func end(flowsOfVirtualServer number: Int) { gone[number] = 3 }

    /// Whether flows of a virtual server of this number may still be remembered that is gone.
    public func isEnding(flowsOfVirtualServer number: Int) -> Bool { gone[number] != nil }

    /// How many flows a server had in the last round.
    public func flows(ofServer number: Int) -> Int { Int(counts[number]) }

    /// How many flows there were in the last round.
    public var flowCount: Int { counts.reduce(0) { $0 + Int($1) } }

    /// Whether new flows use up what is ready faster than a tenth of a second's look would replace it.
    public func isBusy(_ tables: PacketTables) -> Bool {
      (0..<tables.processorCount).contains { processor in
        let spares = tables.spares + processor
        let ready = skein_word_load(&spares.pointee.filled) - skein_word_load(&spares.pointee.taken)
        return !spare.isEmpty && ready < UInt64(skein_spare_count) / 2
      }
    }

    /// Counts every line.
    public func census(_ tables: PacketTables) -> Census {
      var census = Census()
      for line in 0..<Int(tables.sizes.flows) {
        switch Int(skein_flow_load(tables.flows + line).state) {
        case skein_flow_spare: break
        case skein_flow_live, skein_flow_dying: census.live += 1
        default: census.returning += 1
        }
      }
      census.spare = spare.count
      for processor in 0..<tables.processorCount {
        let spares = tables.spares + processor
        census.ready += Int(skein_word_load(&spares.pointee.filled) - skein_word_load(&spares.pointee.taken))
      }
      return census
    }
  }
#endif
