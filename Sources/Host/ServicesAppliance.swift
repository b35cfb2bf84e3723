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

  /// In the order of their numbers in the packet path.
  public private(set) var virtualServers: [VirtualServer] = []
  private var stations: [InternetAddress: EthernetAddress] = [:]
  private var choices: [ChoiceTable] = []
  /// Which number each real server has; a number is kept as long as the server is.
  private var numbers: [Place: Int] = [:]
  private var keeper: FlowKeeper
  private var blocks: Blocks
  private(set) var nextDeadline: Instant?

  /// A real server of a virtual server.
  private struct Place: Hashable {
    var virtualServer: Int
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
  }

  /// These virtual servers and no others. What is the same stays as it is; flows to what is gone find no server.
  public mutating func set(_ wanted: [VirtualServer], in tables: PacketTables, at now: Instant) {
    virtualServers = Array(wanted.prefix(Int(skein_virtual_server_count)))
    if nextDeadline == nil, !virtualServers.isEmpty { nextDeadline = now + Self.interval }
    assignNumbers()
    for (place, number) in numbers { write(place, number, to: tables) }
    for number in 0..<Int(skein_server_count) where !numbers.values.contains(number) { tables.servers[number] = skein_server() }
    choices = virtualServers.map { ChoiceTable($0.servers, most: blocks.mostSlots(for: virtualServers.count)) }
    for index in virtualServers.indices { write(index, to: tables) }
    for index in virtualServers.count..<Int(skein_virtual_server_count) { tables.virtualServers[index] = skein_virtual_server() }
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

  /// The real servers of a virtual server, by its number.
  public func servers(of number: Int) -> [ServerState] {
    virtualServers[number].servers.enumerated().map { index, server in
      let place = Place(virtualServer: number, address: server.address, port: server.port)
      return ServerState(
        server: server, share: choices[number].share(of: index), station: stations[server.address],
        flows: numbers[place].map { keeper.flows(ofServer: $0) } ?? 0)
    }
  }

  /// Flows that are remembered, as they were counted last.
  public var flowCount: Int { keeper.flowCount }

  // MARK: Tables

  private mutating func assignNumbers() {
    let places = virtualServers.enumerated().flatMap { index, virtual in
      virtual.servers.map { Place(virtualServer: index, address: $0.address, port: $0.port) }
    }
    let wanted = Set(places)
    numbers = numbers.filter { wanted.contains($0.key) }
    var taken = Set(numbers.values)
    var next = 0
    for place in places where numbers[place] == nil {
      while taken.contains(next) { next += 1 }
      guard next < Int(skein_server_count) else { return }
      numbers[place] = next
      taken.insert(next)
    }
  }

  private func write(_ place: Place, _ number: Int, to tables: PacketTables) {
    var record = skein_server()
    record.address = place.address.record
    record.port = place.port.bigEndian
    record.virtual_server = UInt16(place.virtualServer)
    skein_server_set_mac(&record, stations[place.address]?.word ?? 0)
    tables.servers[number] = record
  }

  private mutating func write(_ index: Int, to tables: PacketTables) {
    let virtual = virtualServers[index]
    let choice = choices[index]
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
        let place = Place(virtualServer: index, address: virtual.servers[server].address, port: virtual.servers[server].port)
        let number = numbers[place].map(UInt16.init) ?? UInt16(skein_no_server)
        skein_set_choice(tables.choices + (first + slot / Int(skein_choice_count)), UInt32(slot), number)
      }
      record.choices = UInt64(choice.slots.count - 1) << 32 | UInt64(first)
    }
    tables.virtualServers[index] = record
  }

  private var endpoints: [skein_service_endpoint] {
    func endpoint(_ address: InternetAddress, _ port: UInt16, _ transport: VirtualServer.Transport, _ kind: Int, _ index: Int)
      -> skein_service_endpoint
    {
      skein_service_endpoint(
        address: address.record, port: port.bigEndian, protocol: transport.number, kind: UInt8(kind), index: UInt16(index),
        padding: (0, 0, 0, 0, 0))
    }
    let virtuals = virtualServers.enumerated().map { endpoint($1.address, $1.port, $1.transport, skein_endpoint_virtual, $0) }
    let servers = numbers.map { place, number in
      endpoint(place.address, place.port, virtualServers[place.virtualServer].transport, skein_endpoint_server, number)
    }
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
