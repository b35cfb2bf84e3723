public import PacketPath

/// Packets in, verdicts and packets out.
public struct PacketPathCase: Sendable {
  /// One packet and what must become of it.
  public struct Step: Sendable {
    /// The frame that comes in.
    public var frame: [UInt8]
    /// The reason that must be counted; the verdict is the reason's.
    public var counter: PacketCounter
    /// The frame that comes out.
    public var result: [UInt8]

    /// A frame that comes out as it came in, unless `result` says otherwise.
    @inline(never) public init(_ frame: [UInt8], _ counter: PacketCounter, result: [UInt8]? = nil) {
      self.frame = frame
      self.counter = counter
      self.result = result ?? frame
    }
  }

  /// A behaviour.
  public var name: String
  /// What the packet path has been told before.
  public var world: World
  /// Packets, in order.
  public var steps: [Step]

  /// A case of several packets.
  @inline(never) public init(_ name: String, _ world: World, _ steps: [Step]) {
    self.name = name
    self.world = world
    self.steps = steps
  }

  /// A case of one packet.
  @inline(never) public init(_ name: String, _ world: World, _ frame: [UInt8], _ counter: PacketCounter, result: [UInt8]? = nil) {
    self.init(name, world, [Step(frame, counter, result: result)])
  }
}

extension PacketPathCase: CustomStringConvertible {
  /// Its name.
  public var description: String { name }
}
