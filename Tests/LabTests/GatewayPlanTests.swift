import Testing

@testable import Lab

@Suite struct GatewayPlanTests {
  @Test func namesOfARunTellItsProcess() throws {
    let plan = try GatewayPlan(processIdentifier: 4_194_304, routerCount: GatewayPlan.routerLimit, hostCount: 3)
    #expect(plan.namespaces.allSatisfy { Plan.owner(ofNamespace: $0.name) == 4_194_304 })
    #expect(plan.routers.allSatisfy { plan.interface(of: $0).utf8.count <= 15 && plan.interface(of: $0).hasSuffix("-4194304") })
  }

  @Test func noTwoMachinesShareAnAddress() throws {
    let plan = try GatewayPlan(processIdentifier: 1, routerCount: GatewayPlan.routerLimit, hostCount: GatewayPlan.hostLimit)
    for family in AddressFamily.allCases {
      let routers = plan.routers.flatMap {
        [plan.address(of: $0, family), plan.serverEnd($0, family), plan.routerEnd($0, family)]
      }
      let all =
        routers + plan.hosts.map { plan.address(ofHost: $0, family) } + [
          GatewayPlan.virtualAddress(family), GatewayPlan.serverAddress(family),
        ]
      #expect(Set(all).count == all.count)
      #expect(all.allSatisfy { SocketAddress($0, port: 1) != nil })
      #expect(!all.contains(GatewayPlan.strangerAddress))
    }
  }

  @Test(arguments: [(1, 3), (GatewayPlan.routerLimit + 1, 3), (3, 0), (3, GatewayPlan.hostLimit + 1)])
  func labWithoutRoomIsRefused(routers: Int, hosts: Int) {
    #expect(throws: LabError.self) { try GatewayPlan(processIdentifier: 1, routerCount: routers, hostCount: hosts) }
  }

  @Test(arguments: 2...GatewayPlan.routerLimit) func drawingFitsATerminal(routers: Int) throws {
    let lines = try GatewayPlan(processIdentifier: 1, routerCount: routers, hostCount: GatewayPlan.hostLimit).drawing.split(separator: "\n")
    #expect(lines.allSatisfy { $0.count <= 80 })
  }

  /// The constructed example of the specification, octet by octet, but for its virtual address and the owner's priority.
  @Test func scriptSaysHelloAsTheSpecificationHasIt() {
    var script = GlbpScript(address: [10, 1, 1, 1], hardware: [0xca, 0x04, 0x2c, 0x92, 0x00, 0x1c])
    (script.priority, script.helloMilliseconds, script.holdMilliseconds) = (100, 3000, 10_000)
    script.virtualAddress = [10, 1, 1, 254]
    script.rawTlvs = script.hello + script.forwarder(1)
    let expected: [UInt8] = [
      1, 0, 0, 1, 0, 0, 0xca, 0x04, 0x2c, 0x92, 0x00, 0x1c, 0x01, 0x1c, 0x00, 0x20, 0x00, 0x64, 0, 0, 0, 0, 0x0b, 0xb8, 0, 0, 0x27, 0x10,
      0x02, 0x58, 0x38, 0x40, 0, 0, 0x01, 0x04, 0x0a, 0x01, 0x01, 0xfe, 0x02, 0x14, 0x01, 0x20, 0x00, 0xa7, 0x64, 0, 0, 0, 0, 0, 0, 0, 0x00,
      0x07, 0xb4, 0x00, 0x01, 0x01,
    ]
    #expect(script.payload == expected)
  }

  @Test func groupIsSettledWhenThoseExpectedAreThereAndEveryForwarderIsAtHome() {
    var status = GatewayStatus(
      address: "10.0.0.1", state: "active", activeGateway: "10.0.0.1", standby: "10.0.0.2", residentBytes: 0,
      gateways: [
        .init(address: "10.0.0.1", state: "active", priority: 100, isForeign: false, share: 0),
        .init(address: "10.0.0.2", state: "standby", priority: 100, isForeign: false, share: 0),
      ],
      forwarders: [forwarder(1, home: "10.0.0.1", holder: "10.0.0.1"), forwarder(2, home: "10.0.0.2", holder: "10.0.0.2")])
    let both: Set = ["10.0.0.1", "10.0.0.2"]
    #expect(status.isSettled(both, atHome: true))
    #expect(!status.isSettled(["10.0.0.1"], atHome: true))
    status.forwarders[1].holder = "10.0.0.1"
    #expect(!status.isSettled(both, atHome: true) && status.isSettled(both, atHome: false))
    status.forwarders[1].holder = nil
    #expect(!status.isSettled(both, atHome: false))
  }

  private func forwarder(_ number: Int, home: String, holder: String) -> GatewayStatus.Forwarder {
    .init(
      forwarder: number, virtualMac: "00:07:b4:00:01:0\(number)", home: home, holder: holder, here: "elsewhere", isHandedOut: true,
      packets: 0,
      octets: 0, clients: 0)
  }
}
