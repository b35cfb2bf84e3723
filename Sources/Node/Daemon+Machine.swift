import Cluster
import Host
import Linux
import Logging
import Wire

// The machine that changes under the daemon: see `WatchedMachine`.
extension Daemon {
  /// Watches interfaces and addresses.
  func watchMachine() throws {
    try poller.watch(monitor.descriptor) { _ in
      // Whatever it says, or fails to say, a look shows how things are.
      _ = try? self.monitor.receive()
      self.lookAtMachine()
    }
  }

  /// Puts right what somebody else has changed; hands the work over, or stops, when this is no longer the machine that the daemon was started on.
  func lookAtMachine() {
    guard !isOver else { return }
    let now = BootClock.now()
    let sight: MachineSight
    do {
      guard let seen = try cluster?.machine.look(at: now) ?? gateway?.machine.look(at: now) else { return }
      sight = seen
    } catch { return logger.warning("the machine cannot be looked at: \(error)") }
    // A gateway beside a member looks after its own changes only.
    let besides = cluster == nil ? [] : gateway?.machine.changes.putRight(at: now) ?? []
    for event in sight.events + besides { record(event) }
    if sight.fate == .goesOn || sight.hasNewEthernetAddress { update(sight) }
    switch sight.fate {
    case .goesOn: follow(carrier: sight.hasCarrier)
    case .handsOver(let why): startAfresh(why, atOnce: false)
    case .stops(let why): startAfresh(why, atOnce: true)
    }
  }

  /// Tells the packet path what it must know of the machine.
  private func update(_ sight: MachineSight) {
    guard sight.hasNewEthernetAddress || sight.addresses != machineAddresses else { return }
    machineAddresses = sight.addresses
    cluster?.machine.followEthernetAddress()
    do { try writeSettings() } catch { logger.error("the packet path could not be told of the machine: \(error)") }
  }

  private func follow(carrier: Bool) {
    guard carrier != hasCarrier else { return }
    hasCarrier = carrier
    handle(.carrier(carrier))
  }

  /// A machine that has left, by an operator's word, stays out.
  private func startAfresh(_ why: String, atOnce: Bool) {
    guard !hasLeft || isStopping else { return }
    if !isStopping {
      startsAfresh = true
      freshStartReason = why
    }
    if atOnce { return stop(keeping: false) }
    if !isStopping { leaveAndStop(by: "machine") }
  }
}
