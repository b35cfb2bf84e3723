import Linux
import Wire

/// Looks at the objects that a gateway's weight depends on: interfaces and routes once a second, commands at their own pace.
struct TrackedObjects {
  private var objects: [Object]
  private let routes: RouteSocket

  private struct Object {
    let tracked: GatewaySection.TrackedObject
    var isUp = true
    /// Results in a row that speak against `isUp`.
    var against = 0
    var isRunning = false
    var nextRun = Instant.zero
  }

  /// One object that changed.
  struct Change: Equatable {
    var index: Int
    var isUp: Bool
  }

  init(_ tracked: [GatewaySection.TrackedObject]) throws {
    objects = tracked.map { Object(tracked: $0) }
    routes = try RouteSocket()
  }

  var isEmpty: Bool { objects.isEmpty }

  /// For people: what is down.
  var down: [String] { objects.filter { !$0.isUp }.map { $0.tracked.what.description } }

  /// Looks at interfaces and routes.
  mutating func look() -> [Change] {
    objects.indices.compactMap { index in
      let isUp: Bool
      switch objects[index].tracked.what {
      case .interface(let name): isUp = (try? routes.interface(named: name)).map { $0.isUp && $0.hasCarrier } ?? false
      case .route(let destination): isUp = (try? routes.route(to: destination)) != nil
      case .command: return nil
      }
      return set(index, isUp)
    }
  }

  /// The commands whose turn it is; each is to be answered by `take`.
  mutating func dueCommands(at now: Instant) -> [(index: Int, command: ShellCommand)] {
    objects.indices.compactMap { index in
      guard case .command(let text, let every, let timeout, _, _) = objects[index].tracked.what, !objects[index].isRunning,
        objects[index].nextRun <= now
      else { return nil }
      objects[index].isRunning = true
      objects[index].nextRun = now + every
      return (index, ShellCommand(text: text, timeout: timeout))
    }
  }

  /// A command's result: `fall` failures in a row bring its object down, `rise` successes up.
  mutating func take(_ index: Int, succeeded: Bool) -> Change? {
    objects[index].isRunning = false
    guard case .command(_, _, _, let rise, let fall) = objects[index].tracked.what else { return nil }
    guard succeeded != objects[index].isUp else {
      objects[index].against = 0
      return nil
    }
    objects[index].against += 1
    return objects[index].against >= (succeeded ? rise : fall) ? set(index, succeeded) : nil
  }

  private mutating func set(_ index: Int, _ isUp: Bool) -> Change? {
    guard objects[index].isUp != isUp else { return nil }
    objects[index].isUp = isUp
    objects[index].against = 0
    return Change(index: index, isUp: isUp)
  }
}

extension GatewaySection.TrackedObject.What: CustomStringConvertible {
  /// For people, as warnings and `skein check` name it: “interface eth1”, “the route to 192.0.2.1”, “command “…””.
  public var description: String {
    switch self {
    case .interface(let name): "interface \(name)"
    case .route(let destination): "the route to \(destination)"
    case .command(let text, _, _, _, _): "command “\(text)”"
    }
  }
}
