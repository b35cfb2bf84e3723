import Testing

@testable import Lab

@Suite struct PlanTests {
  @Test func namesOfARunTellItsProcess() throws {
    let plan = try Plan(processIdentifier: 4711, memberCount: 3)
    #expect(plan.namespaces.map { Plan.owner(ofNamespace: $0.name) } == Array(repeating: 4711, count: 7))
    #expect(Plan.owner(ofNamespace: "sknx-m1") == nil)
    #expect(Plan.owner(ofNamespace: "other") == nil)
  }

  @Test func noTwoMachinesShareAnAddress() throws {
    let plan = try Plan(processIdentifier: 1, memberCount: Plan.memberLimit)
    for family in AddressFamily.allCases {
      let members = plan.members.map { plan.address(of: $0, family) }
      let sites = ClientSite.allCases.flatMap { site in
        (0..<Plan.clientAddressCount).map { Plan.clientAddress($0, family, site) } + [Plan.routerAddress(family, site)]
      }
      let all = members + sites + [Plan.clusterAddress(family)]
      #expect(Set(all).count == all.count)
      #expect(all.allSatisfy { SocketAddress($0, port: 1) != nil })
    }
  }

  @Test(arguments: [0, Plan.memberLimit + 1]) func labWithoutRoomIsRefused(memberCount: Int) {
    #expect(throws: LabError.self) { try Plan(processIdentifier: 1, memberCount: memberCount) }
  }

  @Test(arguments: 1...Plan.memberLimit) func drawingFitsATerminal(memberCount: Int) throws {
    let lines = try Plan(processIdentifier: 1, memberCount: memberCount).drawing.split(separator: "\n")
    #expect(lines.allSatisfy { $0.count <= 80 })
  }
}
