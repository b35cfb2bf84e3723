import Foundation

/// A router of another make, scripted octet by octet from the public descriptions of GLBP. It shares no code with what it talks to, and
/// knows only what those describe: a header of 12 octets, hellos, requests and responses, and that unknown types are skipped.
struct GlbpScript: Sendable {
  var address: [UInt8]
  var hardware: [UInt8]
  var priority: UInt8 = 200
  /// 4 listens, 0x20 is active.
  var state: UInt8 = 0x20
  var helloMilliseconds: UInt32 = 1000
  var holdMilliseconds: UInt32 = 4000
  /// The forwarders that it forwards for; of four it listens for the rest.
  var activeForwarders: Set<UInt8> = [1]
  var virtualAddress: [UInt8] = LanFrame.address(GatewayPlan.virtualAddress(.four))
  /// Octets to put in the place of the TLVs.
  var rawTlvs: [UInt8]?

  var hello: [UInt8] {
    [1, 28, 0, state, 0, priority, 0, 0] + helloMilliseconds.octets + holdMilliseconds.octets
      + [0x02, 0x58, 0x38, 0x40, 0, 0, 1, 4] + virtualAddress
  }

  func forwarder(_ number: UInt8) -> [UInt8] {
    let isActive = activeForwarders.contains(number)
    return [2, 20, number, isActive ? 0x20 : 4, 0, isActive ? 167 : 135, 100, 0, 0, 0, 0, 0, 0, 0] + Self.virtualAddress(number)
  }

  /// A type that nobody knows, to be skipped.
  private static let unknown: [UInt8] = [0x42, 7, 1, 2, 3, 4, 5]

  var payload: [UInt8] {
    let header: [UInt8] = [1, 0, 0, UInt8(GatewayPlan.group), 0, 0] + hardware
    return header + (rawTlvs ?? hello + (1...4).flatMap { forwarder($0) } + Self.unknown)
  }

  /// The frame: UDP 3222 to 3222, to 224.0.0.102, TTL 255.
  /// - Parameter source: the Ethernet address that it comes from; its own when nil.
  func frame(from source: [UInt8]? = nil, hopLimit: UInt8 = 255) -> [UInt8] {
    let ethernet: [UInt8] = [0x01, 0x00, 0x5e, 0x00, 0x00, 0x66] + (source ?? hardware) + [0x08, 0x00]
    return ethernet + datagram(from: (address, 3222), to: ([224, 0, 0, 102], 3222), payload, service: 0xc0, hopLimit: hopLimit)
  }

  /// The virtual MAC address of a forwarder.
  static func virtualAddress(_ forwarder: UInt8) -> [UInt8] { [0x00, 0x07, 0xb4, 0x00, UInt8(GatewayPlan.group), forwarder] }
}

/// The scripted router at work: says hello at its own pace until it is told to be silent.
final class GlbpSpeaker: Sendable {
  private let stopping = Flag()
  private let worker: Worker<Int>

  init(_ script: GlbpScript, in namespace: Namespace) throws {
    let stopping = stopping
    worker = Worker {
      try namespace.enter {
        let sender = try FrameSender(interface: GatewayPlan.hostInterface)
        var hellos = 0
        while !stopping.isRaised {
          try sender.send(script.frame())
          // Also from the virtual MAC addresses that it forwards for, so that switches know where they are.
          for forwarder in script.activeForwarders { try sender.send(script.frame(from: GlbpScript.virtualAddress(forwarder))) }
          hellos += 1
          let next = BootClock.nanoseconds + UInt64(script.helloMilliseconds) * 1_000_000
          while BootClock.nanoseconds < next, !stopping.isRaised { BootClock.sleep(until: BootClock.nanoseconds + 20_000_000) }
        }
        return hellos
      }
    }
  }

  deinit { stopping.raise() }

  /// Says nothing more.
  /// - Returns: how often it said hello.
  func fallSilent() throws -> Int {
    stopping.raise()
    return try worker.value()
  }
}

extension GlbpScript {
  /// Skein's own seal, as docs/wire-format.md has it: type 0xf0, incarnation, sequence, 32 octets of a code.
  static func seal(code: [UInt8], sequence: UInt64) -> [UInt8] {
    let incarnation = Array(repeating: UInt8(0x7f), count: 8)
    return [0xf0, 52, 0x53, 0x4b] + incarnation + sequence.octets + code
  }
}
