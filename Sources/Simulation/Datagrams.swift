import Cluster
import Wire

/// A datagram on the simulated wire. Instead of real cryptography it carries what cryptography would prove.
struct Datagram {
  var message: ClusterMessage
  var sender: MemberIdentifier
  var incarnation: UInt64
  var sequence: UInt64
  var protection: Protection
  var epoch: UInt32
  /// The group key it is sealed under; nobody can make this number up.
  var key: UInt64
  var sourceAddress: InternetAddress
  /// Made by somebody who has no key.
  var isForged = false
}

/// Datagrams in flight, each kept while a delivery still needs it.
struct Datagrams<Message> {
  private var slots: [Message?] = []
  private var uses: [Int32] = []
  private var free: [UInt32] = []

  mutating func add(_ datagram: Message) -> UInt32 {
    if let slot = free.popLast() {
      slots[Int(slot)] = datagram
      uses[Int(slot)] = 0
      return slot
    }
    slots.append(datagram)
    uses.append(0)
    return UInt32(slots.count - 1)
  }

  mutating func retain(_ slot: UInt32) { uses[Int(slot)] += 1 }

  mutating func release(_ slot: UInt32) {
    uses[Int(slot)] -= 1
    freeIfUnused(slot)
  }

  mutating func freeIfUnused(_ slot: UInt32) {
    guard uses[Int(slot)] <= 0, slots[Int(slot)] != nil else { return }
    slots[Int(slot)] = nil
    free.append(slot)
  }

  subscript(slot: UInt32) -> Message? { slots[Int(slot)] }
}
