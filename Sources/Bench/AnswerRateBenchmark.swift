import Foundation
import Linux
import Wire

/// How many questions for the gateway's address a lone gateway answers, each from another host, beside the kernel's own answers for an
/// address of its own in the same run.
public struct AnswerRateReport: Codable, Hashable, Sendable {
  /// Answers a second of the gateway.
  public var answersPerSecond: Double
  /// Answers a second of the kernel's own ARP.
  public var kernelAnswersPerSecond: Double
  /// Questions asked of each.
  public var asked: Int
  /// Of the gateway's questions, how many were answered.
  public var answered: Int
  /// Of the kernel's.
  public var kernelAnswered: Int
}

extension Bench {
  /// - Parameters:
  ///   - program: the path of `skein`; this process's own when nil.
  ///   - questions: how many, each from a host of its own.
  public static func answerRate(program: String? = nil, questions: Int = 100_000) throws -> AnswerRateReport {
    let program = try program ?? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    Leftovers.prepare()
    defer { Leftovers.removeOwn() }
    return try inNewNamespace {
      let daemon = try LoneDaemon(program: program, .gateway)
      defer { daemon.end() }
      try daemon.waitUntilReady()
      let asker = try Asker(daemon.pair)
      // The kernel keeps a neighbour for everybody who asks, and has room for a thousand.
      let kernel = try asker.ask(InternetAddress(ipv4: 0xc000_0201), questions, hosts: 64, from: 0xc000_0240)
      let gateway = try asker.ask(InternetAddress(ipv4: 0xc000_020a), questions, hosts: questions, from: 0x0a00_0001)
      return AnswerRateReport(
        answersPerSecond: gateway.rate, kernelAnswersPerSecond: kernel.rate, asked: questions, answered: gateway.answered,
        kernelAnswered: kernel.answered)
    }
  }
}

extension AnswerRateReport: Tabular {
  /// The gateway and the kernel.
  public var rows: [[String]] {
    [
      ["ARP answers", "a second", "answered"],
      ["Skein, a host each", String(format: "%.0f", answersPerSecond), "\(answered) of \(asked)"],
      ["the kernel, 64 hosts", String(format: "%.0f", kernelAnswersPerSecond), "\(kernelAnswered) of \(asked)"],
    ]
  }
}

/// The far end of the cable: many hosts in one.
private struct Asker {
  private let interface: String
  private let socket: PacketSocket
  /// So many questions are under way at once: fewer than the packet path's ring holds.
  private static let burst = 256
  private static let patience = Interval.milliseconds(20)

  init(_ pair: VirtualPair) throws {
    interface = pair.far
    // The hosts are nobody's: the kernel at the far end must neither answer nor learn.
    try command("ip", "link", "set", pair.far, "arp", "off")
    let routes = try RouteSocket()
    socket = try PacketSocket(interface: routes.interface(named: pair.far).index, receives: false)
  }

  func ask(_ asked: InternetAddress, _ count: Int, hosts: Int, from first: UInt32) throws -> (rate: Double, answered: Int) {
    let (start, before) = (BootClock.now(), try received(by: interface))
    var sent = 0
    while sent < count {
      let size = min(Self.burst, count - sent)
      for number in sent..<sent + size { try socket.send(question(asked, number % hosts, first)) }
      sent += size
      try wait(until: before + sent)
    }
    let answered = try received(by: interface) - before
    return (Double(answered) / (Double((BootClock.now() - start).nanoseconds) / 1e9), min(answered, count))
  }

  private func question(_ asked: InternetAddress, _ number: Int, _ first: UInt32) -> [UInt8] {
    let ethernet = EthernetAddress(bits: 0x0200_0000_0000 | UInt64(number + 1))
    let host = InternetAddress(ipv4: first + UInt32(truncatingIfNeeded: number))
    let message = ArpMessage(
      operation: .request, senderEthernet: ethernet, senderAddress: host, targetEthernet: EthernetAddress(bits: 0), targetAddress: asked)
    return EthernetHeader(destination: .broadcast, source: ethernet, type: .arp).frame(carrying: message.encode())
  }

  /// Until all answers are there, or no more have come for a while.
  private func wait(until target: Int) throws {
    var (last, since) = (try received(by: interface), BootClock.now())
    while last < target, BootClock.now() - since < Self.patience {
      let now = try received(by: interface)
      if now != last { (last, since) = (now, BootClock.now()) }
    }
  }
}
