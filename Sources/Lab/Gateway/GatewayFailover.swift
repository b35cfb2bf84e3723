import Foundation
import Synchronization

/// How a router fails, or that it returns.
public enum GatewayFailure: String, CaseIterable, Codable, Sendable {
  /// SIGKILL, and its links go down.
  case kill
  /// The daemon hangs (SIGSTOP); its kernel lives.
  case stop
  /// Its link to the hosts goes down.
  case link
  /// It has been dead, and comes back.
  case `return`
}

extension GatewayFailure: FailureKind {
  var sentence: String {
    switch self {
    case .kill: "the router dies (SIGKILL and links down)"
    case .stop: "its daemon hangs (SIGSTOP), its kernel lives"
    case .link: "its link to the hosts goes down"
    case .return: "a router that was dead comes back"
    }
  }

  var cut: Cut? { self == .link ? .carrier : self == .stop ? nil : .everywhere }
  var signal: Int32? { self == .link ? nil : self == .stop ? SIGSTOP : SIGKILL }
  var isReturn: Bool { self == .return }
}

/// Which router it hits.
public enum GatewayVictim: String, CaseIterable, Codable, Sendable {
  /// One that only forwards.
  case avf
  /// The active virtual gateway.
  case avg
  /// The active one and its standby together.
  case both

  var words: String {
    switch self {
    case .avf: "a forwarder"
    case .avg: "the active virtual gateway"
    case .both: "the active virtual gateway and its standby together"
    }
  }
}

extension Scenario where Failure == GatewayFailure {
  var waitsForSurvivors: Bool { true }

  func summary(_ run: FailoverRun, _ victims: [Int]) -> String {
    let routers = victims.map(String.init).joined(separator: " and ")
    let (silence, answers) = (run.silenceMilliseconds.formatted(digits: 0), run.answersSilenceMilliseconds.formatted(digits: 0))
    return "   router \(routers): its hosts got nothing through for \(silence) ms, no ARP answer for \(answers) ms; "
      + "lost by the others' \(run.lostOnSurvivors), forwarded twice \(run.answeredTwice), lost on return \(run.lostOnReturn)"
  }
}

extension GatewayTopology {
  /// From now on every host sends so often through its gateway, and somebody asks as often who has its address.
  func askAround(packetsPerSecond: Double) throws -> FailoverTraffic {
    FailoverTraffic(
      prober: try Prober(plan: plan, streams: plan.hosts.map { GatewayStream(host: $0, packetsPerSecond: packetsPerSecond) }),
      asker: try Prober(plan: plan, arpQuestionsPerSecond: packetsPerSecond))
  }
}

extension Prober {
  /// Somebody in the hosts' LAN asks again and again who has the virtual address.
  convenience init(plan: GatewayPlan, arpQuestionsPerSecond rate: Double) throws {
    try self.init { state in
      let (tap, sender, own) = try plan.strangerNamespace.enter {
        let interface = GatewayPlan.hostInterface
        return (try WireTap(interface: interface), try FrameSender(interface: interface), try hardwareAddress(of: interface))
      }
      let address = GatewayPlan.virtualAddress(.four)
      let question = LanFrame.arpRequest(from: LanFrame.octets(own), LanFrame.address(GatewayPlan.strangerAddress), for: address)
      state.begin(flowCount: 1)
      return {
        while !state.stopping.isRaised {
          state.ledger.withLock { $0.sent(flow: 0, at: BootClock.nanoseconds) }
          // A queue that is full for a moment is no fault of the gateway's.
          try? sender.send(question)
          BootClock.sleep(until: BootClock.nanoseconds + UInt64(1e9 / rate))
          state.ledger.withLock { ledger in
            let newest = UInt64(ledger.flows[0].count - 1)
            tap.drain { frame, time in
              if LanFrame.isArpReply(frame, from: address, to: own) { ledger.answered(flow: 0, sequence: newest, by: 0, at: time) }
            }
          }
        }
      }
    }
  }
}
