/// Who hears whom. Machines and clients hang on one wire that may fall into two sides; a machine's own port may fail in either direction;
/// single links may fail. Clients are reached over the same wire (in band), or, where `clientsAreElsewhere`, over another one.
struct Network {
  let machineCount: Int
  let clientCount: Int
  let clientsAreElsewhere: Bool
  var isDeaf: [Bool]
  var isMute: [Bool]
  var hasCarrier: [Bool]
  /// The side of each machine, then of each client.
  var side: [UInt8]
  /// Whether frames pass from side 0 to 1, and from 1 to 0.
  var passesForth = true
  var passesBack = true
  private var cutLinks: Set<Int> = []

  init(machineCount: Int, clientCount: Int, clientsAreElsewhere: Bool) {
    self.machineCount = machineCount
    self.clientCount = clientCount
    self.clientsAreElsewhere = clientsAreElsewhere
    isDeaf = Array(repeating: false, count: machineCount)
    isMute = Array(repeating: false, count: machineCount)
    hasCarrier = Array(repeating: true, count: machineCount)
    side = Array(repeating: 0, count: machineCount + clientCount)
  }

  private func crosses(_ from: Int, _ to: Int) -> Bool {
    if side[from] == side[to] { return true }
    return side[from] == 0 ? passesForth : passesBack
  }

  func passes(from: Int, to: Int) -> Bool {
    guard !isMute[from], !isDeaf[to], hasCarrier[from], hasCarrier[to], crosses(from, to) else { return false }
    return cutLinks.isEmpty || !cutLinks.contains(from * machineCount + to)
  }

  mutating func cut(from: Int, to: Int, _ isCut: Bool) {
    if isCut { cutLinks.insert(from * machineCount + to) } else { cutLinks.remove(from * machineCount + to) }
  }

  /// Whether what a client sends arrives.
  func hears(_ machine: Int, client: Int) -> Bool {
    if clientsAreElsewhere { return true }
    return !isDeaf[machine] && hasCarrier[machine] && crosses(machineCount + client, machine)
  }

  /// Whether an answer arrives at the client.
  func answers(_ machine: Int, client: Int) -> Bool {
    if clientsAreElsewhere { return true }
    return !isMute[machine] && hasCarrier[machine] && crosses(machine, machineCount + client)
  }

  /// Whether the two serve a client in common.
  func share(_ one: Int, _ other: Int) -> Bool {
    if clientsAreElsewhere { return true }
    return (0..<clientCount).contains { client in
      hears(one, client: client) && answers(one, client: client) && hears(other, client: client) && answers(other, client: client)
    }
  }
}
