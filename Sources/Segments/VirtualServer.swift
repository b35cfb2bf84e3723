public import Wire

/// A virtual server and the real servers behind it: what a control segment tells its data segments (specification 3, ADD_VS; Figures 14 and 15).
public struct VirtualServer: Hashable, Sendable {
  /// What is balanced.
  public enum Transport: String, CaseIterable, Hashable, Sendable, Codable {
    case tcp, udp

    /// The protocol's number (IANA).
    public var number: UInt8 { self == .tcp ? 6 : 17 }
  }

  /// How long a flow lives without a packet.
  public struct Timers: Hashable, Sendable {
    /// A connection in use, or a client of datagrams.
    public var established: Interval
    /// A connection that the client has not gone on with after the server's first answer.
    public var halfOpen: Interval
    /// A connection that both ends have closed, or that one has reset.
    public var closing: Interval

    /// The three of them.
    public init(established: Interval, halfOpen: Interval, closing: Interval) {
      self.established = established
      self.halfOpen = halfOpen
      self.closing = closing
    }

    /// By default: TCP 15 minutes, 5 seconds and 10 seconds; UDP one minute.
    public init(_ transport: Transport) {
      self.init(established: transport == .tcp ? .seconds(900) : .seconds(60), halfOpen: .seconds(5), closing: .seconds(10))
    }
  }

  /// For people: what commands and reports call it.
  public var name: String
  /// A cluster address.
  public var address: InternetAddress
  /// 1…65535.
  public var port: UInt16
  /// Its protocol.
  public var transport: Transport
  /// In the order of the configuration.
  public var servers: [RealServer]
  /// When its flows end by themselves.
  public var timers: Timers

  /// A virtual server.
  public init(
    name: String, address: InternetAddress, port: UInt16, transport: Transport, servers: [RealServer], timers: Timers? = nil
  ) {
    self.name = name
    self.address = address
    self.port = port
    self.transport = transport
    self.servers = servers
    self.timers = timers ?? Timers(transport)
  }
}

/// A server behind a virtual server.
public struct RealServer: Hashable, Sendable {
  /// Where it is; of the virtual server's family.
  public var address: InternetAddress
  /// 1…65535.
  public var port: UInt16
  /// Its share beside the others': 0…10000. With 0 it gets no new flow.
  public var weight: Int

  /// A server.
  public init(address: InternetAddress, port: UInt16, weight: Int = 1) {
    self.address = address
    self.port = port
    self.weight = weight
  }
}
