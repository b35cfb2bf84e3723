import CPacketPath
public import PacketPath
public import Segments
public import Wire

/// The virtual servers of a machine: what the packet path's tables say of them, and the flows that it remembers.
public struct ServicesAppliance: Sendable {
  /// What is known of a real server, for who asks.
  public struct ServerState: Equatable, Sendable {
    /// The server as it is configured.
    public var server: RealServer
    /// How much of the new flows it gets, 0…1.
    public var share: Double
    /// Its hardware address, or that of the router on the way; nil while nobody knows it, and the kernel's stack finds the way.
    public var station: EthernetAddress?
    /// Flows that it had when they were counted last, at most a second ago.
    public var flows: Int
  }

  /// In the order of the configuration.
  public private(set) var virtualServers: [VirtualServer] = []
  private var stations: [InternetAddress: EthernetAddress] = [:]
  private var choices: [ChoiceTable] = []
  /// Which number each has in the packet path, by which flows know it: kept as long as it is there, whatever else comes and goes.
  private var virtualNumbers: [VirtualPlace: Int] = [:]
  private var numbers: [Place: Int] = [:]
  /// Where the next free number of a real server is looked for.
  private var nextNumber = 0
  private var keeper: FlowKeeper
  private var blocks: Blocks
  private(set) var nextDeadline: Instant?

  /// Where a virtual server is.
  private struct VirtualPlace: Hashable {
    var address: InternetAddress
    var port: UInt16
    var protocolNumber: UInt8

    init(_ server: VirtualServer) { (address, port, protocolNumber) = (server.address, server.port, server.transport.number) }

    /// Nil where the record has none.
    init?(_ record: skein_virtual_server) {
      guard record.port != 0 else { return nil }
      (address, port, protocolNumber) = (InternetAddress(record.address), UInt16(bigEndian: record.port), record.protocol)
    }
  }

  /// A real server of a virtual server.
  private struct Place: Hashable {
    var virtualServer: VirtualPlace
    var address: InternetAddress
    var port: UInt16
  }

  /// How often lines are looked at; all of them in ten such times, or a hundred where many are used.
  private static let interval = Interval.milliseconds(100)
  private static let busyInterval = Interval.milliseconds(10)

  /// Takes over what the tables hold.
  public init(_ tables: PacketTables) {
    keeper = FlowKeeper(tables)
    blocks = Blocks(count: Int(tables.sizes.choice_blocks))
    // An earlier daemon's flows go by the numbers that it gave.
    for index in 0..<Int(skein_virtual_server_count) {
      if let place = VirtualPlace(tables.virtualServers[index]) { virtualNumbers[place] = index }
    }
    for index in 0..<Int(skein_server_count) {
      let record = tables.servers[index]
      guard record.port != 0,
        let virtual = VirtualPlace(tables.virtualServers[Int(record.virtual_server) % Int(skein_virtual_server_count)])
      else { continue }
      numbers[Place(virtualServer: virtual, address: InternetAddress(record.address), port: UInt16(bigEndian: record.port))] = index
    }
  }

  /// These virtual servers and no others. What is the same stays as it is; flows to what is gone find no server.
  public mutating func set(_ wanted: [VirtualServer], in tables: PacketTables, at now: Instant) {
    virtualServers = Array(wanted.prefix(Int(skein_virtual_server_count)))
    if nextDeadline == nil, !virtualServers.isEmpty { nextDeadline = now + Self.interval }
    assignNumbers()
    for (place, number) in numbers { write(place, number, to: tables) }
    let taken = Set(numbers.values)
    for number in 0..<Int(skein_server_count) where !taken.contains(number) { tables.servers[number] = skein_server() }
    choices = virtualServers.map { ChoiceTable($0.servers, most: blocks.mostSlots(for: virtualServers.count)) }
    let virtualTaken = Set(virtualNumbers.values)
    for number in 0..<Int(skein_virtual_server_count) where !virtualTaken.contains(number) {
      tables.virtualServers[number] = skein_virtual_server()
      blocks.giveBack(of: number)
    }
    for index in virtualServers.indices { write(index, to: tables) }
    _ = tables.setEndpoints(endpoints)
    tables.set(flag: skein_flag_virtual_servers, !virtualServers.isEmpty)
  }

  /// Hardware addresses by which real servers are reached; of others nothing is known.
  public mutating func set(stations: [InternetAddress: EthernetAddress], in tables: PacketTables) {
    guard self.stations != stations else { return }
    self.stations = stations
    for (place, number) in numbers {
      skein_server_set_mac(tables.servers + number, stations[place.address]?.word ?? 0)
    }
  }

  /// Gives lines back whose flows are over, and new ones to the processors.
  mutating func tend(_ tables: PacketTables, at now: Instant) {
    guard let due = nextDeadline, now >= due else { return }
    let lines = Int(tables.sizes.flows)
    let isBusy = keeper.isBusy(tables)
    keeper.sweep(tables, lines: max(64, lines / (isBusy ? 100 : 10)), now: now.nanoseconds)
    nextDeadline = now + (isBusy ? Self.busyInterval : Self.interval)
  }

  /// The real servers of one of `virtualServers`, by its place in the list.
  public func servers(of position: Int) -> [ServerState] {
    let virtual = VirtualPlace(virtualServers[position])
    return virtualServers[position].servers.enumerated().map { index, server in
      let place = Place(virtualServer: virtual, address: server.address, port: server.port)
      return ServerState(
        server: server, share: choices[position].share(of: index), station: stations[server.address],
        flows: numbers[place].map { keeper.flows(ofServer: $0) } ?? 0)
    }
  }

  /// Flows that are remembered, as they were counted last.
  public var flowCount: Int { keeper.flowCount }

  // MARK: Tables

  private mutating func assignNumbers() {
    let virtuals = virtualServers.map(VirtualPlace.init)
    for (place, number) in virtualNumbers where !virtuals.contains(place) {
      keeper.end(flowsOfVirtualServer: number)
      virtualNumbers[place] = nil
    }
    var virtualTaken = Set(virtualNumbers.values)
    for place in virtuals where virtualNumbers[place] == nil {
      let free = (0..<Int(skein_virtual_server_count)).filter { !virtualTaken.contains($0) }
      // One whose last flows may still be there only where there is no other.
      guard let number = free.first(where: { !keeper.isEnding(flowsOfVirtualServer: $0) }) ?? free.first else { continue }
      virtualNumbers[place] = number
      virtualTaken.insert(number)
    }
    let places = virtualServers.flatMap { virtual in
      virtual.servers.map { Place(virtualServer: VirtualPlace(virtual), address: $0.address, port: $0.port) }
    }
    let wanted = Set(places)
    numbers = numbers.filter { wanted.contains($0.key) }
    var taken = Set(numbers.values)
    for place in places where numbers[place] == nil {
      let inTurn = (0..<Int(skein_server_count)).map { (nextNumber + $0) % Int(skein_server_count) }.filter { !taken.contains($0) }
      // Flows of a server that is gone go by its number still.
      guard let number = inTurn.first(where: { keeper.flows(ofServer: $0) == 0 }) ?? inTurn.first else { return }
      numbers[place] = number
      taken.insert(number)
      nextNumber = number + 1
    }
  }

  private func write(_ place: Place, _ number: Int, to tables: PacketTables) {
    var record = skein_server()
    record.address = place.address.record
    record.port = place.port.bigEndian
    record.virtual_server = UInt16(virtualNumbers[place.virtualServer] ?? 0)
    skein_server_set_mac(&record, stations[place.address]?.word ?? 0)
    tables.servers[number] = record
  }

  private mutating func write(_ position: Int, to tables: PacketTables) {
    let virtual = virtualServers[position]
    let choice = choices[position]
    guard let index = virtualNumbers[VirtualPlace(virtual)] else { return }
    var record = skein_virtual_server()
    record.address = virtual.address.record
    record.port = virtual.port.bigEndian
    record.protocol = virtual.transport.number
    record.forwarding = UInt8(skein_forwarding_nat)
    record.established = Self.flowTime(virtual.timers.established)
    record.half_open = Self.flowTime(virtual.timers.halfOpen)
    record.closing = Self.flowTime(virtual.timers.closing)
    if !choice.slots.isEmpty {
      let blockCount = choice.slots.count / Int(skein_choice_count)
      let first = blocks.take(blockCount, for: index)
      for (slot, server) in choice.slots.enumerated() {
        let place = Place(
          virtualServer: VirtualPlace(virtual), address: virtual.servers[server].address, port: virtual.servers[server].port)
        let number = numbers[place].map(UInt16.init) ?? UInt16(skein_no_server)
        skein_set_choice(tables.choices + (first + slot / Int(skein_choice_count)), UInt32(slot), number)
      }
      record.choices = UInt64(choice.slots.count - 1) << 32 | UInt64(first)
    }
    tables.virtualServers[index] = record
  }

  private var endpoints: [skein_service_endpoint] {
    func endpoint(_ address: InternetAddress, _ port: UInt16, _ number: UInt8, _ kind: Int, _ index: Int) -> skein_service_endpoint {
      skein_service_endpoint(
        address: address.record, port: port.bigEndian, protocol: number, kind: UInt8(kind), index: UInt16(index), padding: (0, 0, 0, 0, 0))
    }
    let virtuals = virtualNumbers.map { endpoint($0.address, $0.port, $0.protocolNumber, skein_endpoint_virtual, $1) }
    let servers = numbers.map { endpoint($0.address, $0.port, $0.virtualServer.protocolNumber, skein_endpoint_server, $1) }
    return virtuals + servers
  }

  /// Rounded up, in units of the packet path's clock of flows.
  private static func flowTime(_ interval: Interval) -> UInt32 {
    UInt32(clamping: (interval.nanoseconds + (1 << skein_flow_time_shift) - 1) >> UInt64(skein_flow_time_shift))
  }
}

/// Blocks of choices: each virtual server has room for two tables, the one in force and the next.
private struct Blocks: Sendable {
  private let count: Int
  private var current: [Int: (first: Int, count: Int)] = [:]

  init(count: Int) { self.count = count }

  /// So many that each of so many virtual servers can have two tables.
  func mostSlots(for virtualServers: Int) -> Int {
    var slots = ChoiceTable.mostSlots
    while slots > ChoiceTable.leastSlots, slots / Int(skein_choice_count) * 2 * virtualServers > count { slots /= 2 }
    return slots
  }

  /// Of a virtual server that is gone.
  mutating func giveBack(of index: Int) { current[index] = nil }

  /// The first of so many blocks that no table in force uses.
  mutating func take(_ wanted: Int, for index: Int) -> Int {
    let used = current.values.sorted { $0.first < $1.first }
    var first = 0
    for range in used {
      if range.first - first >= wanted { break }
      first = max(first, range.first + range.count)
    }
    if first + wanted > count { first = current[index]?.first ?? 0 }
    current[index] = (first, wanted)
    return first
  }
}
