import Testing
import Wire

@testable import Gateway

@Suite("A stranger claims the virtual address")
struct DefenceTests {
  static let stranger = EthernetAddress(bits: 0x0200_0000_0666)

  /// Two gateways, of which number 1 is active and has answered so many hosts, with one virtual MAC after the other.
  static func lan(hosts: Int) -> Lan {
    var lan = Lan(2) { _, configuration in
      configuration.answerMethod = .roundRobin
      configuration.virtualAddresses = [Lan.virtualAddress, virtualSix]
    }
    lan.pass(.seconds(3))
    for host in 0..<hosts { lan.feed(.asks(ForwarderTests.host(host), forwarder: nil), to: 1) }
    return lan
  }

  static let virtualSix = InternetAddress(high: 0xfe80_0000_0000_0000, low: 1)

  @Test func everyHostIsToldItsOwnVirtualMacAtOnce() {
    var lan = Self.lan(hosts: 6)
    let given = lan.machines[1].answers
    #expect(Set(given).count == 6)
    lan.feed(.conflict(Self.stranger, Lan.virtualAddress), to: 1)
    let told = lan.machines[1].corrections
    #expect(told.sorted { $0.host.address < $1.host.address }.map(\.forwarder) == given)
    #expect(lan.machines[1].router.counters.corrections == 6)
    #expect(lan.machines[1].reports.contains(.conflict(Self.stranger, Lan.virtualAddress)))
  }

  @Test func aThousandClaimsAreAnsweredOnceASecondAndTheLastOneToo() {
    var lan = Self.lan(hosts: 6)
    let reports = lan.machines[1].reports.count
    for _ in 0..<1000 {
      lan.feed(.conflict(Self.stranger, Lan.virtualAddress), to: 1)
      lan.pass(.milliseconds(2))
    }
    lan.pass(.milliseconds(1000))
    #expect(lan.machines[1].corrections.count == 3 * 6)
    #expect(lan.machines[1].reports.count - reports == 2)
    lan.pass(.seconds(5))
    #expect(lan.machines[1].corrections.count == 3 * 6)
  }

  @Test func onlyTheFamilyThatIsClaimedIsCorrected() {
    var lan = Self.lan(hosts: 6)
    let six = GatewayHost(ethernet: EthernetAddress(bits: 0x0200_0000_0777), address: InternetAddress(high: 0xfd01_0000_0000_0000, low: 7))
    lan.feed(.asks(six, forwarder: nil), to: 1)
    lan.feed(.conflict(Self.stranger, Self.virtualSix), to: 1)
    #expect(lan.machines[1].corrections.map(\.host) == [six])
    lan.feed(.conflict(Self.stranger, Lan.virtualAddress), to: 1)
    #expect(lan.machines[1].corrections.count == 1 + 6)
  }

  @Test func whoIsNotActiveCorrectsTheHostsThatItCarries() throws {
    var lan = Self.lan(hosts: 0)
    let own = try #require(lan.machines[0].forwarding.min())
    let another = try #require(lan.machines[1].forwarding.min())
    for forwarder in [own, another] {
      lan.feed(.asks(ForwarderTests.host(Int(forwarder)), forwarder: forwarder), to: 0)
      lan.feed(.asks(ForwarderTests.host(Int(forwarder)), forwarder: forwarder), to: 1)
    }
    lan.feed(.conflict(Self.stranger, Lan.virtualAddress), to: 0)
    #expect(lan.machines[0].corrections.map(\.forwarder) == [own])
  }

  @Test func whoOnlyProbesIsNotCorrected() {
    var lan = Self.lan(hosts: 0)
    lan.feed(.asks(GatewayHost(ethernet: Self.stranger, address: InternetAddress(ipv4: 0)), forwarder: nil), to: 1)
    #expect(lan.machines[1].answers.count == 1)
    lan.feed(.conflict(Self.stranger, Lan.virtualAddress), to: 1)
    #expect(lan.machines[1].corrections.isEmpty)
  }

  @Test func aLargeLanIsToldInPiecesAndTheLastToAskFirst() {
    var lan = Self.lan(hosts: 1000)
    lan.feed(.conflict(Self.stranger, Lan.virtualAddress), to: 1)
    #expect(lan.machines[1].corrections.map(\.host) == (0..<Defence.pieceSize).map { ForwarderTests.host(999 - $0) })
    lan.pass(.milliseconds(100))
    #expect(Set(lan.machines[1].corrections.map(\.host)).count == 1000 && lan.machines[1].corrections.count == 1000)
  }
}
