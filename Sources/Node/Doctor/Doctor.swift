// What on this machine and its network will hurt, before it does.
//
// A finding is one thing looked at: its name, how it stands, what was found, and what to do. Looking and judging are apart: what is judged
// are plain values, in static functions that tests call without a machine; what is looked at goes through `Linux`. Nothing is changed:
// sockets, a thread with real-time priority, BPF objects and, on request, a program on the interface are gone when their check is done.
//
//   Doctor.swift              findings, and the order of the checks
//   Doctor+Kernel.swift       kernel, rights, limits, clock
//   Doctor+Interface.swift    the interface, its addresses, its driver, kernel variables
//   Doctor+Network.swift      what is heard on the wire: owners of the cluster addresses, members, senders from the shared address
//   Doctor+Credentials.swift  the certificate

import Foundation
import Linux
import Wire

/// One thing that `skein doctor` looked at.
public struct Finding: Codable, Hashable, Sendable {
  /// How it stands.
  public enum State: String, Codable, Hashable, Sendable, CaseIterable {
    /// As it should be.
    case ok
    /// It works, and will hurt under circumstances that the advice names.
    case warning
    /// Skein cannot do its work like this.
    case problem
    /// It could not be looked at, or nobody on this machine can tell.
    case unknown
  }

  /// What was looked at, in one word with hyphens; it stays the same between versions.
  public var name: String
  /// How it stands.
  public var state: State
  /// What was found, in a sentence.
  public var found: String
  /// What to do about it, in a sentence; nil when there is nothing to do.
  public var advice: String?
  /// Of a kernel program: its name; nil in other checks.
  public var program: String?
  /// Of a kernel program: whether this kernel takes it.
  public var loads: Bool?
  /// Of a kernel program that loads: how many instructions the verifier followed, of a million; nil where the kernel does not tell.
  public var verifiedInstructions: Int?
  /// Of a kernel program that does not load: what the verifier said last.
  public var verifierLog: [String]?

  init(_ name: String, _ state: State, _ found: String, advice: String? = nil) {
    self.name = name
    self.state = state
    self.found = found
    self.advice = advice
  }

  /// From a probe that answers nil when all is well.
  init(_ name: String, refusal: LinuxError?, ok: String, otherwise state: State, advice: String) {
    guard let refusal else {
      self.init(name, .ok, ok)
      return
    }
    let first = refusal.advice.map { "\($0.sentence) " } ?? ""
    self.init(name, state, "Cannot \(refusal.operation): \(refusal.code).", advice: first + advice)
  }

  /// For what could not be looked at.
  static func unknown(_ name: String, _ error: any Error) -> Finding {
    let advice = (error as? LinuxError)?.advice?.sentence
    return Finding(name, .unknown, "\(error)".split(separator: "\n").first.map { String($0).sentence } ?? "", advice: advice)
  }
}

/// Everything that `skein doctor` found.
public struct DoctorReport: Codable, Hashable, Sendable {
  /// In the order of the checks.
  public var findings: [Finding]
  /// Nothing is a problem; warnings there may be.
  public var ok: Bool

  init(_ findings: [Finding]) {
    self.findings = findings
    ok = findings.allSatisfy { $0.state != .problem }
  }
}

/// Looks at this machine, and with a configuration at all that the configuration needs.
public struct Doctor {
  let configuration: Configuration?
  let interfaceName: String?
  let triesXDP: Bool
  private var first: [Finding] = []

  /// - Parameters:
  ///   - configuration: what is to run here; nil to look at the machine alone.
  ///   - interface: the interface to look at; the configuration's when nil.
  ///   - triesXDP: attach a program that passes everything, for a moment. Some drivers restart the interface for that.
  public init(configuration: Configuration? = nil, interface: String? = nil, triesXDP: Bool = false) {
    self.configuration = configuration
    self.triesXDP = triesXDP
    interfaceName = interface ?? configuration?.cluster?.interface ?? configuration?.gateway?.interface
  }

  /// With the configuration in a file; when it cannot be used, that is a finding and the machine alone is looked at.
  public init(file: String, interface: String? = nil, triesXDP: Bool = false) {
    let (configuration, finding) = Self.read(file)
    self.init(configuration: configuration, interface: interface, triesXDP: triesXDP)
    first = [finding]
  }

  /// With the configuration that is named, else the usual one where it is there, as `skein run` and `skein check` read it.
  public init(config: String?, usual: String, interface: String? = nil, triesXDP: Bool = false) {
    if let file = config ?? (FileManager.default.fileExists(atPath: usual) ? usual : nil) {
      self.init(file: file, interface: interface, triesXDP: triesXDP)
    } else {
      self.init(interface: interface, triesXDP: triesXDP)
    }
  }

  /// Whether it knows what is to run here.
  public var hasConfiguration: Bool { configuration != nil }

  /// Looks at everything. Takes about a second when there is a network to listen to.
  public func examine() -> DoctorReport {
    var findings = first + examineKernel() + examineLimits() + examineClock()
    if let interfaceName { findings += examine(interface: interfaceName) }
    if let section = configuration?.cluster { findings += examineCredentials(section) }
    return DoctorReport(findings)
  }

  /// Whether only XDP would do: what is then a problem is otherwise slower.
  var needsXDP: Bool { configuration?.packetPath == .xdp || configuration?.packetPath == .xdpGeneric }

  /// How much it matters that XDP does not work.
  var withoutXDP: Finding.State { needsXDP ? .problem : .warning }

  private static func read(_ file: String) -> (Configuration?, Finding) {
    do {
      let configuration = try Configuration.read(try Configuration.text(ofFile: file), file: file)
      return (configuration, Finding("configuration", .ok, "\(file) is good."))
    } catch {
      let count = error.problems.count
      let found = "\(file) has \(count) \(count == 1 ? "mistake" : "mistakes"): \(error.problems.first?.description ?? "")"
      return (nil, Finding("configuration", .problem, found.sentence, advice: "`skein check --config \(file)` explains every one."))
    }
  }
}

extension String {
  /// With a capital first and a full stop last.
  var sentence: String {
    guard let first, let last else { return self }
    return first.uppercased() + dropFirst() + (".!?".contains(last) ? "" : ".")
  }
}
