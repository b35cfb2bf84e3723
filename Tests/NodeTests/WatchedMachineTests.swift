import Foundation
import Linux
import Logging
import Synchronization
import Testing
import Wire

@testable import Node

/// What a command was told, by another thread.
private final class Said: Sendable {
  let text = Mutex<String?>(nil)
}

/// The machine that changes under the daemon, in a network namespace of its own that ends with the thread.
@Suite(.serialized, .enabled(if: geteuid() == 0, "needs root: makes network namespaces")) struct WatchedMachineTests {
  private static let address = InternetAddress(ipv4: 0xc000_020a)

  /// Runs `body` on a thread in an empty network namespace.
  private func alone(_ body: @escaping @Sendable () throws -> Void) async throws {
    try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
      Thread.detachNewThread {
        continuation.resume(
          with: Result {
            try NetworkNamespace.enterNew()
            // What a test leaves behind is gone with its namespace.
            defer { unlink("\(MachineChanges.directory)/watched\(getpid())-7-1.before") }
            try body()
          })
      }
    }
  }

  private static func shell(_ command: String) throws {
    let outcome = try ChildProcess.run(
      "/bin/sh", ["sh", "-ec", command], environment: ["PATH": "/usr/sbin:/sbin:/usr/bin:/bin"], within: .seconds(20), keeping: 1 << 16)
    try #require(outcome.end == .exited(0), "\(command): \(String(decoding: outcome.output, as: UTF8.self))")
  }

  private static let makeInterface = "ip link add eth0 type veth peer name far; ip link set eth0 up; ip link set far up"
  private static let addAddress = "ip addr add 192.0.2.1/24 dev eth0"

  private static func configuration(delivery: String = "multicast") throws -> Configuration {
    try Configuration.read(
      """
      cluster:
        name: watched\(getpid())
        id: 7
        member: 1
        interface: eth0
        addresses: [192.0.2.10/24]
        delivery: \(delivery)
        credentials: /nowhere.pem
      """, file: "test.yaml")
  }

  private static func section(delivery: String = "multicast") throws -> ClusterSection {
    try #require(try configuration(delivery: delivery).cluster)
  }

  /// A machine as a daemon has prepared it.
  private static func prepared(delivery: String = "multicast") throws -> Machine {
    try shell("\(makeInterface); \(addAddress)")
    let section = try section(delivery: delivery)
    var machine = try Machine(section)
    try machine.prepare(section)
    #expect(try machine.look(at: .zero).fate == .goesOn)
    return machine
  }

  private static var api: String { "\(NSTemporaryDirectory())/skein-\(UUID().uuidString.prefix(8)).sock" }

  private static let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

  // MARK: Before the start

  @Test func anInterfaceAndAnAddressThatComeLaterAreWaitedFor() async throws {
    try await alone {
      let usual = Arrival(of: try Self.configuration(), Self.quiet)
      // Each look finds less missing than the last one, for what it found missing comes then.
      var coming = [Self.makeInterface, Self.addAddress][...]
      var said: [String] = []
      var leftovers = 0
      let arrival = Arrival(
        missing: {
          let missing = try usual.missing()
          if let missing { said.append(missing) }
          if let command = coming.popFirst() { try Self.shell(command) }
          return missing
        }, putBack: { leftovers += 1 }, heed: { _, _ in }, api: Self.api, logger: Self.quiet)
      let (end, event) = try arrival.wait()
      #expect(end == .isThere)
      #expect(said.count >= 2)
      #expect(said.first == "there is no interface eth0")
      #expect(said.last == "eth0 has no address of this machine's own; give it one, the members talk by it")
      #expect(event?.name == .waitedForMachine && event?.fields.explanation == said.last)
      #expect(leftovers == 1)
      // What is there already is not waited for.
      #expect(try arrival.wait().event == nil)
      #expect(leftovers == 1)
    }
  }

  /// At 3 a.m. `skein status` is what is asked first.
  @Test func whoWaitsSaysAtItsSocketForWhat() async throws {
    try await alone {
      let api = Self.api
      let answer = Said()
      var looks = 0
      let arrival = Arrival(
        missing: {
          looks += 1
          if looks == 2 {
            // The daemon listens since it began to wait.
            Task {
              do {
                _ = try await ControlClient(path: api).get("/v1/node", NodeReport.self)
              } catch { answer.text.withLock { $0 = "\(error)" } }
            }
          }
          return looks > 600 || answer.text.withLock { $0 != nil } ? nil : "there is no interface eth0"
        }, putBack: {}, heed: { _, _ in }, api: api, logger: Self.quiet)
      let (end, _) = try arrival.wait()
      #expect(end == .isThere)
      let said = answer.text.withLock { $0 } ?? ""
      #expect(said.hasPrefix("the daemon has waited"), "\(said)")
      #expect(said.hasSuffix("starts by itself as soon as it can: there is no interface eth0"), "\(said)")
      #expect(access(api, F_OK) != 0)
    }
  }

  /// On a busy machine a command asks long after it has connected; and who never asks keeps nobody out.
  @Test func whoAsksLateIsAnsweredAsWell() async throws {
    try await alone {
      let api = Self.api
      let quiet = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
      let late = (0..<16).map { _ in socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0) }
      defer { for number in late + [quiet] { close(number) } }
      var looks = 0
      var answers: [String] = []
      let arrival = Arrival(
        missing: {
          looks += 1
          if looks == 2 {
            for number in [quiet] + late { #expect(ControlServer.withAddress(of: api) { connect(number, $0, $1) } == 0) }
          }
          // All have been accepted, and then a second has passed.
          if looks == 22 { #expect(send(late[15], "GET / HTTP/1.1\r\n\r\n", 18, Int32(MSG_NOSIGNAL)) == 18) }
          guard looks == 24 else { return "there is no interface eth0" }
          for number in [quiet, late[15], late[0]] {
            var octets = [UInt8](repeating: 0, count: 4096)
            let count = recv(number, &octets, octets.count, Int32(MSG_DONTWAIT))
            answers.append(String(decoding: octets.prefix(max(0, count)), as: UTF8.self))
          }
          return nil
        }, putBack: {}, heed: { _, _ in }, api: api, logger: Self.quiet)
      let (end, _) = try arrival.wait()
      #expect(end == .isThere)
      #expect(answers.map { $0.hasSuffix("there is no interface eth0") } == [true, true, false], "\(answers)")
    }
  }

  @Test func anAddressThatIsStillBeingProbedIsNotThereYet() async throws {
    try await alone {
      try Self.shell("\(Self.makeInterface); ip addr add 2001:db8::1/64 dev eth0")
      let arrival = Arrival(of: try Self.configuration(), Self.quiet)
      #expect(try arrival.missing() != nil)
      try Self.shell("ip addr add 2001:db8::2/64 dev eth0 nodad")
      #expect(try arrival.missing() == nil)
    }
  }

  @Test(arguments: [(Signal.terminate, Arrival.End.stopped), (.interrupt, .stopped), (.hangup, .afresh)])
  func whoWaitsHeedsSignals(signal: Signal, end: Arrival.End) async throws {
    try await alone {
      var looks = 0
      var handler: (Signal) -> Void = { _ in }
      let arrival = Arrival(
        missing: {
          looks += 1
          if looks == 2 { handler(signal) }
          return "something"
        }, putBack: {}, heed: { handler = $1 }, api: Self.api, logger: Self.quiet)
      let (ended, _) = try arrival.wait()
      #expect(ended == end)
    }
  }

  @Test func aMistakeIsNotWaitedFor() async throws {
    try await alone {
      try Self.shell("\(Self.makeInterface); ip addr add 192.0.2.9/31 dev eth0; ip addr add 192.0.2.8/29 dev eth0")
      // The cluster's address is the network's broadcast address there.
      #expect(throws: StartError.self) {
        let configuration = try Configuration.read(
          """
          cluster: {name: a, id: 7, member: 1, interface: eth0, addresses: [192.0.2.15/24], delivery: unicast, credentials: /nowhere}
          """, file: "test.yaml")
        _ = try Arrival(of: configuration, Self.quiet).missing()
      }
    }
  }

  @Test func whereNoOtherMACAddressIsHeardNeitherClusterNorGatewayStarts() async throws {
    try await alone {
      try Self.shell(
        """
        ip link add far type veth peer name near; ip link set far up; ip link set near up
        ip link add eth0 link near type macvlan mode bridge; ip link set eth0 up; \(Self.addAddress)
        """)
      let section = try Self.section(delivery: "unicast")
      var member = try Machine(section)
      let refusal = #expect(throws: LinuxError.self) { try member.prepare(section) }
      #expect(refusal?.description.contains("macvlan") == true)
      #expect(member.restore().isEmpty)
      let file = "gateway: {group: 1, interface: eth0, address: 192.0.2.10}"
      let gateway = try #require(try Configuration.read(file, file: "test.yaml").gateway)
      var router = try GatewayMachine(gateway, named: "test\(getpid())")
      #expect(throws: LinuxError.self) { try router.prepare() }
      #expect(router.restore().isEmpty)
    }
  }

  // MARK: While it runs

  @Test func theClusterAddressIsPutBackOnTheLoopback() async throws {
    try await alone {
      var machine = try Self.prepared()
      let monitor = try KernelMonitor(.interfaces)
      try Self.shell("ip addr del 192.0.2.10/32 dev lo")
      #expect(try monitor.receive())
      let sight = try machine.look(at: .zero)
      #expect(sight.fate == .goesOn)
      #expect(sight.events.map(\.name) == [.machinePutRight] && sight.events.first?.fields.setting == "192.0.2.10")
      #expect(try machine.routes.addresses().contains { $0.address == Self.address })
      #expect(machine.changes.warnings(at: .zero).count == 1)
      #expect(machine.restore().isEmpty)
      #expect(try !machine.routes.addresses().contains { $0.address == Self.address })
    }
  }

  @Test func theKernelVariablesOfAllInterfacesAndTheFilterArePutRight() async throws {
    try await alone {
      var machine = try Self.prepared()
      for scope in ["all", "eth0"] {
        try Sysctl.write("net/ipv4/conf/\(scope)/arp_ignore", "0")
        try Sysctl.write("net/ipv4/conf/\(scope)/arp_announce", "0")
      }
      try machine.routes.removeFilterAddress(machine.sharedAddress, interface: machine.interface.index)
      #expect(try machine.look(at: .zero).events.compactMap(\.reason).sorted() == ["filter"] + Array(repeating: "variable", count: 4))
      for scope in ["all", "eth0"] {
        #expect(try Sysctl.read("net/ipv4/conf/\(scope)/arp_ignore") == "1")
        #expect(try Sysctl.read("net/ipv4/conf/\(scope)/arp_announce") == "2")
      }
      #expect(try machine.look(at: .zero).events.isEmpty)
      #expect(machine.restore().isEmpty)
      #expect(try Sysctl.read("net/ipv4/conf/all/arp_ignore") == "0")
    }
  }

  @Test(arguments: ["multicast", "forwarding"]) func anotherEthernetAddressIsUsedAndTheWorkHandedOver(delivery: String) async throws {
    try await alone {
      var machine = try Self.prepared(delivery: delivery)
      try Self.shell("ip link set eth0 address 02:5e:00:00:00:07")
      let sight = try machine.look(at: .zero)
      machine.followEthernetAddress()
      let new = EthernetAddress(bits: 0x025e_0000_0007)
      #expect(sight.hasNewEthernetAddress && sight.events.map(\.reason) == ["ethernetAddress"])
      guard case .handsOver = sight.fate else { return #expect(Bool(false), "\(sight.fate)") }
      #expect(machine.interface.ethernetAddress == new)
      #expect((machine.sharedAddress == new) == (delivery == "forwarding"))
      #expect(try machine.look(at: .zero).events.isEmpty)
    }
  }

  @Test(arguments: [
    ("ip link set eth0 down; ip link set eth0 name eth7; ip link set eth7 up", "interfaceRenamed", false),
    ("ip link del eth0; \(makeInterface); \(addAddress)", "interfaceGone", true), ("ip link del eth0", "interfaceGone", true),
    ("ip addr flush dev eth0", "addressGone", true),
  ]) func aMachineThatIsAnotherNowEndsTheWork(command: String, reason: String, isAtOnce: Bool) async throws {
    try await alone {
      var machine = try Self.prepared()
      try Self.shell(command)
      let sight = try machine.look(at: .zero)
      #expect(sight.events.map(\.reason) == [reason])
      switch sight.fate {
      case .goesOn: Issue.record("it goes on")
      case .handsOver(let why): #expect(!isAtOnce && why.contains("eth0"))
      case .stops(let why): #expect(isAtOnce && why.contains("eth0"))
      }
      // It is said once.
      #expect(try machine.look(at: .zero).events.isEmpty)
      #expect(machine.restore().isEmpty)
      #expect(try !machine.routes.addresses().contains { $0.address == Self.address })
    }
  }

  @Test func carrierAndMTUAreFollowed() async throws {
    try await alone {
      var machine = try Self.prepared()
      #expect(try machine.look(at: .zero).hasCarrier)
      try Self.shell("ip link set far down; ip link set eth0 mtu 1400")
      let sight = try machine.look(at: .zero)
      #expect(!sight.hasCarrier && sight.fate == .goesOn)
      #expect(sight.events.map(\.reason) == ["mtu"] && sight.events.first?.fields.explanation == "1500 to 1400")
      #expect(try machine.look(at: .zero).events.isEmpty)
      // An interface that is switched off is one without a carrier, whatever becomes of its addresses.
      try Self.shell("ip link set eth0 down; ip addr flush dev eth0")
      #expect(try machine.look(at: .zero).fate == .goesOn)
    }
  }

  // MARK: The clock

  @Test func aWallClockThatWasSetIsNoticedAndATimeServiceIsNot() {
    var watch = WallClockWatch()
    var boot = Instant.zero
    func look(_ wall: Double) -> Double? {
      boot = boot + .seconds(1)
      return watch.look(boot: boot, wall: wall)
    }
    #expect(look(1000) == nil && look(1001) == nil && look(1002.1) == nil)
    #expect(look(4603.1)?.rounded() == 3600)
    #expect(look(4604.1) == nil)
    #expect(look(1005.1)?.rounded() == -3600)
    #expect(look(1006.1) == nil)
  }
}
