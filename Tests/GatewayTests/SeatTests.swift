import Testing
import Wire

@testable import Gateway

@Suite("A gateway inside a cluster")
struct SeatTests {
  private func lan() -> Lan { Lan(3) { _, configuration in configuration.mode = .cluster } }

  /// The cluster does what its master's gateway said last.
  private func obey(_ lan: inout Lan, master: Int, draining: Int? = nil, without: Int? = nil) {
    let members = (0..<3).filter { $0 != without }.map {
      GatewayRouter.ClusterGateway(address: Lan.address($0), weight: 100, isDraining: $0 == draining)
    }
    let owners = lan.machines[master].placements.last ?? [:]
    for index in 0..<3 { lan.feed(.clusterView(isMaster: index == master, members: members, owners: owners), to: index) }
  }

  @Test func theMasterPlacesASetForEveryMember() {
    var lan = lan()
    obey(&lan, master: 1)
    lan.pass(.seconds(2))
    obey(&lan, master: 1)
    let placed = lan.machines[1].placements.last ?? [:]
    #expect(placed.count == 15)
    #expect((0..<3).allSatisfy { index in placed.values.count { $0 == Lan.address(index) } == 5 })
    #expect(lan.active == [1])
    #expect(lan.machines.allSatisfy { $0.forwarding.isEmpty && $0.lease == .zero })
    #expect(lan.machines[0].placements.isEmpty)
  }

  @Test func aMemberThatIsGoneOrDrainsIsRelieved() {
    var lan = lan()
    obey(&lan, master: 1)
    lan.pass(.seconds(2))
    obey(&lan, master: 1, draining: 0)
    #expect(lan.machines[1].placements.last?.values.contains(Lan.address(0)) == false)
    #expect(lan.machines[1].placements.last?.count == 15)
    obey(&lan, master: 1, without: 2)
    #expect(lan.machines[1].placements.last?.values.contains(Lan.address(2)) == false)
  }

  /// The cluster's own drain may be quicker than the gateway. What it has moved is not home again as soon as the drain ends.
  @Test func whatADrainMovedComesHomeAfterTheDelay() {
    var lan = lan()
    obey(&lan, master: 1)
    lan.pass(.seconds(2))
    obey(&lan, master: 1)
    let before = lan.machines[1].placements.last ?? [:]
    func view(_ lan: inout Lan, isDraining: Bool, _ owners: [UInt8: InternetAddress]) {
      let members = (0..<3).map {
        GatewayRouter.ClusterGateway(address: Lan.address($0), weight: 100, isDraining: isDraining && $0 == 0)
      }
      for index in 0..<3 { lan.feed(.clusterView(isMaster: index == 1, members: members, owners: owners), to: index) }
    }
    let moved = before.mapValues { $0 == Lan.address(0) ? Lan.address(2) : $0 }
    view(&lan, isDraining: true, moved)
    #expect(lan.machines[1].placements.last == moved)
    view(&lan, isDraining: false, moved)
    let delay = lan.machines[1].router.configuration.forwarderPreemptDelay
    lan.pass(delay - .seconds(1))
    #expect(lan.machines[1].placements.last == moved)
    lan.pass(.seconds(2))
    #expect(lan.machines[1].placements.last == before)
  }

  @Test func theNextMasterContinues() {
    var lan = lan()
    obey(&lan, master: 1)
    lan.pass(.seconds(2))
    obey(&lan, master: 1)
    let before = lan.machines[1].placements.last
    lan.pass(.seconds(1))
    lan.kill(1)
    let members = (0..<3).map { GatewayRouter.ClusterGateway(address: Lan.address($0), weight: 100, isDraining: false) }
    lan.feed(.clusterView(isMaster: true, members: members, owners: before ?? [:]), to: 2)
    #expect(lan.machines[2].placements.last == before)
    #expect(lan.active == [2])
  }

  @Test func theMasterAnswersAndTheOwnerConfirms() {
    var lan = lan()
    obey(&lan, master: 1)
    lan.pass(.seconds(2))
    obey(&lan, master: 1)
    let own = lan.machines[1].placements.last?.filter { $0.value == Lan.address(0) }.keys.min() ?? 0
    for index in 0..<3 {
      lan.feed(.asks(ForwarderTests.host(1), forwarder: nil), to: index)
      lan.feed(.asks(ForwarderTests.host(1), forwarder: own), to: index)
    }
    #expect(lan.machines[0].answers == [own])
    #expect(lan.machines[1].answers.count == 1)
    #expect(lan.machines[2].answers.isEmpty)
  }

  /// Two clusters of two that do not hear each other, though their gateways do: to each, the other's members are gone.
  private func twoClusters(areObeyed: Bool) -> Lan {
    var lan = Lan(4) { _, configuration in configuration.mode = .cluster }
    for _ in 0..<2 {
      for index in 0..<4 {
        let master = index | 1
        let members = [master - 1, master].map {
          GatewayRouter.ClusterGateway(address: Lan.address($0), weight: 100, isDraining: false)
        }
        let owners = areObeyed ? lan.machines[master].placements.last ?? [:] : [:]
        lan.feed(.clusterView(isMaster: index == master, members: members, owners: owners), to: index)
      }
      lan.pass(.seconds(2))
    }
    return lan
  }

  /// Whether the clusters do what their gateways want, or have not yet begun to.
  @Test(arguments: [false, true]) func twoMastersThatHearEachOtherDoNotFillTheWire(areObeyed: Bool) {
    var lan = twoClusters(areObeyed: areObeyed)
    let hellos = lan.machines.map(\.sent.count)
    let before = lan.machines[1].router.shared.table
    lan.pass(.seconds(2))
    let table = lan.machines[1].router.shared.table
    // Of each forwarder a word of either master's in each hello interval; and each hello that has news is repeated five times.
    #expect(Int(table.newestSerial - before.newestSerial) <= 2 * 11 * table.count)
    #expect(lan.machines.indices.allSatisfy { lan.machines[$0].sent.count - hellos[$0] <= 2 * 11 * 6 })
  }

  @Test func whoHadTheLastWordAndIsSilentIsContradictedAfterAHelloInterval() {
    var lan = twoClusters(areObeyed: true)
    func ours(_ lan: Lan) -> Bool {
      let table = lan.machines[1].router.shared.table
      return table.numbers.allSatisfy { [Lan.address(0), Lan.address(1)].contains(table[$0]?.holder) }
    }
    for _ in 0..<1000 where ours(lan) { lan.pass(.microseconds(100)) }
    #expect(!ours(lan))
    for index in [0, 2, 3] { lan.kill(index) }
    lan.flights = []
    lan.pass(lan.machines[1].router.configuration.timers.hello)
    #expect(ours(lan))
  }
}
