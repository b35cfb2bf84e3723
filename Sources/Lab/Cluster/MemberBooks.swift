import Foundation

/// What a daemon says of itself, by the commands that an operator has.
extension SkeinCluster {
  struct Event: Codable {
    var number: UInt64
    /// Seconds since 1970.
    var time: Double
    var kind: String
    var text: String
  }

  private struct Members: Codable {
    struct Member: Codable { var member: Int }
    var members: [Member]
  }
  private struct Events: Codable { var events: [Event] }
  private struct Units: Codable { var owners: [Int] }
  private struct Epoch: Codable { var keyEpoch: UInt32 }
  struct Counter: Codable {
    var group: String
    var name: String
    var value: UInt64
  }
  private struct Counters: Codable { var counters: [Counter] }

  private func ask<Answer: Decodable>(_ machine: Int, _ word: String, _: Answer.Type) throws -> Answer {
    let text = try topology.launcher.ask([program, word, "--json", "--api", api(machine)])
    return try JSONDecoder().decode(Answer.self, from: Data(text.utf8))
  }

  /// `skein members --json`: their numbers.
  func memberNumbers(_ machine: Int) throws -> [Int] { try ask(machine, "members", Members.self).members.map(\.member).sorted() }

  /// `skein events --json`.
  func events(_ machine: Int) throws -> [Event] { try ask(machine, "events", Events.self).events }

  /// `skein units --json`: the owner of each.
  func owners(_ machine: Int) throws -> [Int] { try ask(machine, "units", Units.self).owners }

  /// `skein counters --json`.
  func counters(_ machine: Int) throws -> [Counter] { try ask(machine, "counters", Counters.self).counters }

  /// The group key that it seals under.
  func keyEpoch(_ machine: Int) throws -> UInt32 { try ask(machine, "status", Epoch.self).keyEpoch }
}

extension [SkeinCluster.Counter] {
  /// One counter's value; 0 when there is none of this name.
  func value(_ group: String, _ name: String) -> UInt64 { first { $0.group == group && $0.name == name }?.value ?? 0 }
}
