import Wire

/// Which host was answered with which virtual MAC: bounded; the host that asked longest ago goes first.
///
/// The hosts lie in one array, linked in the order in which they asked, with a table from host to place. A host more costs no allocation of
/// its own, and once the cache is full none at all.
public struct ClientCache: Sendable {
  /// What is known of one host.
  public struct Client: Hashable, Sendable {
    /// The host.
    public var host: GatewayHost
    /// The forwarder whose virtual MAC it was answered with last.
    public var forwarder: UInt8
    /// When it asked last.
    public var askedAt: Instant
    /// How often it has asked.
    public var askCount: Int

    /// What is known of a host.
    public init(host: GatewayHost, forwarder: UInt8, askedAt: Instant, askCount: Int = 1) {
      self.host = host
      self.forwarder = forwarder
      self.askedAt = askedAt
      self.askCount = askCount
    }
  }

  private struct Entry {
    var client: Client
    /// The next that asked later and earlier; the entry itself at the ends.
    var later: Int
    var earlier: Int
    /// It went elsewhere.
    var isReleased = false
  }

  /// How many hosts there is room for.
  public let capacity: Int
  /// How many hosts were forgotten because others came.
  public private(set) var evictionCount: UInt64 = 0
  private var entries: [Entry] = []
  private var places: [GatewayHost: Int] = [:]
  private var latest = 0
  private var earliest = 0
  private var releasedCount = 0
  private var hostCounts = [Int](repeating: 0, count: 256)

  /// How many hosts are known.
  public var count: Int { entries.count - releasedCount }

  /// Room for so many hosts, at least one.
  public init(capacity: Int = 65_536) { self.capacity = max(1, capacity) }

  /// What is known of the host.
  public func client(_ host: GatewayHost) -> Client? {
    places[host].flatMap { entries[$0].isReleased ? nil : entries[$0].client }
  }

  /// The host was answered.
  public mutating func record(_ host: GatewayHost, forwarder: UInt8, at now: Instant) {
    hostCounts[Int(forwarder)] += 1
    if let place = places[host] {
      leave(place)
      entries[place].client.forwarder = forwarder
      entries[place].client.askedAt = now
      entries[place].client.askCount += 1
      makeLatest(place)
    } else {
      insert(Client(host: host, forwarder: forwarder, askedAt: now))
    }
  }

  /// The host goes elsewhere: it is no forwarder's here any more.
  public mutating func release(_ host: GatewayHost) {
    guard let place = places[host] else { return }
    guard !entries[place].isReleased else { return }
    entries[place].isReleased = true
    releasedCount += 1
    hostCounts[Int(entries[place].client.forwarder)] -= 1
  }

  /// How many of the known hosts were last answered with this forwarder.
  public func hostCount(of forwarder: UInt8) -> Int { hostCounts[Int(forwarder)] }

  /// The known hosts, the one that asked last first.
  public func clients(limit: Int = .max) -> [Client] {
    var result: [Client] = []
    var place = latest
    while result.count < min(max(0, limit), count) {
      if !entries[place].isReleased { result.append(entries[place].client) }
      place = entries[place].earlier
    }
    return result
  }

  /// A host that was not known; in a full cache it takes the place of the one that asked longest ago.
  private mutating func insert(_ client: Client) {
    guard entries.count == capacity else {
      let place = entries.count
      entries.append(Entry(client: client, later: place, earlier: place))
      places[client.host] = place
      if place == 0 { (latest, earliest) = (0, 0) } else { linkAsLatest(place) }
      return
    }
    let place = earliest
    evictionCount += 1
    leave(place)
    places[entries[place].client.host] = nil
    places[client.host] = place
    entries[place].client = client
    makeLatest(place)
  }

  /// The host of this place is its forwarder's no more.
  private mutating func leave(_ place: Int) {
    guard entries[place].isReleased else { return hostCounts[Int(entries[place].client.forwarder)] -= 1 }
    entries[place].isReleased = false
    releasedCount -= 1
  }

  private mutating func makeLatest(_ place: Int) {
    guard place != latest else { return }
    let (later, earlier) = (entries[place].later, entries[place].earlier)
    if place == earliest {
      earliest = later
      entries[later].earlier = later
    } else {
      entries[later].earlier = earlier
      entries[earlier].later = later
    }
    linkAsLatest(place)
  }

  private mutating func linkAsLatest(_ place: Int) {
    entries[latest].later = place
    entries[place].earlier = latest
    entries[place].later = place
    latest = place
  }
}
