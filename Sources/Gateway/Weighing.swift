import Wire

/// This gateway's weight: what is configured less what every tracked object that is down subtracts, and whether it forwards by it.
struct Weighing: Sendable {
  private var configured: UInt8
  private let lower: UInt8
  private let upper: UInt8
  private let costs: [UInt8]
  private var isDown: [Bool]
  private(set) var isForwarding = true

  init(_ configuration: GatewayRouter.Configuration) {
    configured = configuration.weight
    lower = configuration.lowerThreshold
    upper = max(configuration.upperThreshold, configuration.lowerThreshold)
    costs = configuration.trackedObjects
    isDown = costs.map { _ in false }
    judge()
  }

  var weight: UInt8 {
    let cost = zip(costs, isDown).reduce(0) { $0 + ($1.1 ? Int($1.0) : 0) }
    return UInt8(max(0, Int(configured) - cost))
  }

  /// Below the lower threshold it stops; from the upper on it goes on.
  private mutating func judge() {
    if weight < lower { isForwarding = false } else if weight >= upper { isForwarding = true }
  }

  mutating func set(_ weight: UInt8) {
    configured = weight
    judge()
  }

  mutating func track(_ object: Int, isUp: Bool) {
    guard isDown.indices.contains(object) else { return }
    isDown[object] = !isUp
    judge()
  }
}
