import Foundation
import Linux
import Wire

/// A machine that may change under the daemon: a cluster's member's (`Machine`), a gateway's (`GatewayMachine`). It is looked at when the kernel
/// tells of a change of interfaces or addresses, and once a second for what the kernel tells nobody, kernel variables and filters.
protocol WatchedMachine {
  /// As it was when the daemon looked at it last.
  var interface: NetworkInterface { get set }
  /// The address that this daemon speaks by.
  var ownAddress: InternetAddress { get }
  var routes: RouteSocket { get }
  var changes: MachineChanges { get set }
  /// What the last look came to.
  var fate: MachineSight.Fate { get set }
}

/// What a look at the machine has shown.
struct MachineSight: Equatable {
  /// What becomes of a daemon whose machine is another than the one it was started on.
  enum Fate: Equatable {
    /// It goes on.
    case goesOn
    /// It can still speak: it hands its work over, and starts afresh.
    case handsOver(why: String)
    /// It cannot speak any more: it stops at once, and starts afresh.
    case stops(why: String)
  }

  var fate = Fate.goesOn
  var events: [Event] = []
  /// Whether the interface is switched on and something is on the other end of its cable.
  var hasCarrier = false
  /// All addresses of the machine.
  var addresses: [InternetAddress] = []
  var hasNewEthernetAddress = false

  /// - Parameters:
  ///   - before: the interface as it was.
  ///   - now: the interface of that number; nil when there is none any more.
  ///   - own: the address that the daemon speaks by.
  init(_ before: NetworkInterface, now: NetworkInterface?, addresses all: [InterfaceAddress], own: InternetAddress) {
    let name = before.name
    guard let now else {
      stop(Event(.machineChanged, "interfaceGone", .init { $0.setting = name }))
      return
    }
    addresses = all.map(\.address)
    hasCarrier = now.isUp && now.hasCarrier
    if now.mtu != before.mtu {
      events.append(Event(.machineChanged, "mtu", .init { ($0.setting, $0.explanation) = (name, "\(before.mtu) to \(now.mtu)") }))
    }
    hasNewEthernetAddress = now.ethernetAddress != before.ethernetAddress
    // An interface that is switched off may lose its addresses, and it says nothing anyway.
    if now.isUp, !all.contains(where: { $0.interface == now.index && $0.address == own }) {
      stop(Event(.machineChanged, "addressGone", .init { ($0.setting, $0.address) = (name, "\(own)") }))
    } else if now.name != name {
      handOver(Event(.machineChanged, "interfaceRenamed", .init { ($0.setting, $0.explanation) = (name, now.name) }))
    } else if hasNewEthernetAddress {
      handOver(
        Event(
          .machineChanged, "ethernetAddress", .init { ($0.setting, $0.ethernetAddress) = (name, "\(now.ethernetAddress)") }))
    }
  }

  private mutating func stop(_ event: Event) {
    events.append(event)
    fate = .stops(why: event.text)
  }

  private mutating func handOver(_ event: Event) {
    events.append(event)
    fate = .handsOver(why: event.text)
  }
}

extension WatchedMachine {
  /// Looks at the machine, and puts right what the daemon has set and somebody else has changed.
  /// - Throws: when the kernel does not tell.
  mutating func look(at now: Instant) throws(LinuxError) -> MachineSight {
    var current: NetworkInterface?
    do throws(LinuxError) { current = try routes.interface(index: interface.index) } catch {
      guard error.code == .noSuchDevice else { throw error }
    }
    var sight = MachineSight(interface, now: current, addresses: try routes.addresses(), own: ownAddress)
    // What was said already is not said at each look.
    if sight.fate == fate { sight.events.removeAll { $0.name == .machineChanged && $0.reason != "mtu" } }
    fate = sight.fate
    if let current { (interface.ethernetAddress, interface.mtu) = (current.ethernetAddress, current.mtu) }
    // Its variables are gone or have other names, and its addresses are about to be taken back.
    if sight.fate == .goesOn || sight.hasNewEthernetAddress { sight.events += changes.putRight(at: now) }
    return sight
  }

  /// Whether the interface is switched on and has a carrier now.
  func hasCarrier() throws(LinuxError) -> Bool {
    let state = try routes.interface(index: interface.index)
    return state.isUp && state.hasCarrier
  }
}

/// Notices that somebody has set the wall clock: it and the boot clock, which nobody can set, go at one speed.
struct WallClockWatch {
  /// A time service turns the clock by less in a second.
  static let tolerance = 0.5
  private var difference: Double?

  /// - Returns: by how many seconds the wall clock was set since the last look; nil when it was not.
  mutating func look(boot: Instant, wall: Double) -> Double? {
    let now = wall - boot.inSeconds
    defer { difference = now }
    guard let difference, abs(now - difference) > Self.tolerance else { return nil }
    return now - difference
  }

  /// Looks now.
  mutating func event(at now: Instant) -> Event? {
    guard let jump = look(boot: now, wall: Date().timeIntervalSince1970) else { return nil }
    return Event(.clockJumped, jump < 0 ? "backward" : "forward", .init { $0.seconds = (abs(jump) * 10).rounded() / 10 })
  }
}

extension Instant {
  fileprivate var inSeconds: Double { Double(nanoseconds) / 1_000_000_000 }
}
