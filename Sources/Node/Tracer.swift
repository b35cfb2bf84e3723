import CPacketPath
import Linux
import PacketPath
import Wire

/// Where would this packet go, and why: the native packet path over a copy of what the running one knows.
struct Tracer {
  let tables: PacketTables
  let slots: [MemberIdentifier: Int]

  func trace(_ request: TraceRequest) -> TraceReport {
    guard let frame = Hexadecimal.octets(of: request.frame.filter { !$0.isWhitespace && $0 != ":" }), frame.count >= 14 else {
      return TraceReport(
        packet: "", unit: nil, owner: nil, verdict: "none", reason: "malformed",
        why: "this is not a frame: give at least 14 octets in hexadecimal, beginning with the destination MAC address")
    }
    let packet = (try? CapturedFrame(frame[...])).map { "\($0)" } ?? "a frame of \(frame.count) octets that cannot be taken apart"
    let outcome = NativePacketPath(tables: tables).trace(frame, now: BootClock.now().nanoseconds).outcome
    let unit = outcome.unit == Outcome.noUnit ? nil : Int(outcome.unit)
    let owner = unit.flatMap { unit in slots.first { $0.value == Int(tables.units[unit].owner) }.map { Int($0.key.rawValue) } }
    return TraceReport(
      packet: packet, unit: unit, owner: owner, verdict: "\(outcome.verdict)", reason: outcome.counter.name,
      why: outcome.counter.meaning)
  }
}
