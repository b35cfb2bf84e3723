/// What happens next, by time and then by order of entry: a binary heap of plain records.
struct EventQueue {
  struct Entry {
    var time: UInt64
    var order: UInt32
    var kind: Kind
    var machine: UInt16
    /// A datagram's place, a timer's number, a serial, a fault: what `kind` says.
    var value: UInt32
  }

  enum Kind: UInt8 {
    case delivery, timer, packet, packetDue, focus, ring, fault, heal, attack, sample, place, rearrange, switching
    case measure, addressQuestion, addressAnswer
  }

  private var heap: [Entry] = []
  private var order: UInt32 = 0

  var isEmpty: Bool { heap.isEmpty }

  mutating func add(_ kind: Kind, at time: UInt64, machine: Int = 0, value: UInt32 = 0) {
    order &+= 1
    heap.append(Entry(time: time, order: order, kind: kind, machine: UInt16(machine), value: value))
    var child = heap.count - 1
    while child > 0 {
      let parent = (child - 1) >> 1
      guard isBefore(heap[child], heap[parent]) else { return }
      heap.swapAt(child, parent)
      child = parent
    }
  }

  mutating func removeFirst() -> Entry? {
    guard let first = heap.first, let last = heap.popLast() else { return nil }
    guard !heap.isEmpty else { return first }
    heap[0] = last
    var parent = 0
    while true {
      let left = parent * 2 + 1
      guard left < heap.count else { return first }
      let right = left + 1
      let child = right < heap.count && isBefore(heap[right], heap[left]) ? right : left
      guard isBefore(heap[child], heap[parent]) else { return first }
      heap.swapAt(child, parent)
      parent = child
    }
  }

  @inline(__always) private func isBefore(_ left: Entry, _ right: Entry) -> Bool {
    left.time != right.time ? left.time < right.time : left.order < right.order
  }
}
