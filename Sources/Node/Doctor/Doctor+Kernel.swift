import CLinux
import Foundation
import Linux
import Synchronization
import Wire

extension Doctor {
  /// What the kernel can, by trying.
  func examineKernel() -> [Finding] {
    let slower = "Without it the packet path runs on a packet socket: the same behaviour, many times slower."
    return [
      attempt("kernel") { Self.judge(kernel: try KernelVersion.running()) },
      attempt("capabilities") { Self.judge(missing: try Capability.missing()) },
      Finding("xdp", refusal: KernelProbe.xdp(), ok: "XDP programs load.", otherwise: withoutXDP, advice: slower),
      Self.judge(
        program: EmbeddedProgram.name,
        Result { () throws(LinuxError) in try EmbeddedProgram.verify() }, otherwise: withoutXDP, advice: slower),
      Finding(
        "jit", refusal: KernelProbe.justInTimeCompiler(), ok: "BPF programs are compiled to machine code.", otherwise: .warning,
        advice: "Interpreted, a packet takes ten times as long."),
      Finding(
        "mapped-arrays", refusal: KernelProbe.mappableArray(), ok: "The packet path's tables can be mapped.", otherwise: withoutXDP,
        advice: slower),
      Finding(
        "ring-buffer", refusal: KernelProbe.ringBuffer(), ok: "The packet path can send packets up to the daemon.", otherwise: withoutXDP,
        advice: slower),
      Finding(
        "live-frames", refusal: KernelProbe.liveFrames(), ok: "Held packets can be handed to the stack.", otherwise: .warning,
        advice: "The first packets of a work unit that changes hands are lost, and sent again by their sender."),
      bpfFileSystem(),
    ]
  }

  /// What this process may use.
  func examineLimits() -> [Finding] {
    var findings = [Self.judge(openFiles: Self.openFileLimit())]
    guard configuration?.realtime ?? true else { return findings }
    findings.append(realtime())
    let cannotLock = (try? Capability.missing(from: [.memoryLock]))?.isEmpty == false
    findings.append(
      cannotLock
        ? Finding(
          "memory-lock", .warning, "Memory cannot be locked.",
          advice: "On a machine that swaps, the daemon may miss its lease: grant CAP_IPC_LOCK, as packaging/skein.service does.")
        : Finding("memory-lock", .ok, "Memory can be locked."))
    return findings
  }

  /// What certificates and leases are told by.
  func examineClock() -> [Finding] {
    let source = try? String(contentsOfFile: "/sys/devices/system/clocksource/clocksource0/current_clocksource", encoding: .utf8)
    return [
      attempt("clock") { Self.judge(clock: try SystemClock.state()) },
      Self.judge(clockSource: source?.trimmingCharacters(in: .whitespacesAndNewlines)),
    ]
  }

  /// A check that may fail to look.
  func attempt(_ name: String, _ body: () throws -> Finding) -> Finding {
    do { return try body() } catch { return .unknown(name, error) }
  }

  private func bpfFileSystem() -> Finding {
    let name = "bpf-file-system"
    if skein_is_bpf_mount("/sys/fs/bpf") == 1 { return Finding(name, .ok, "It is mounted at /sys/fs/bpf.") }
    let known = (try? String(contentsOfFile: "/proc/filesystems", encoding: .utf8)) ?? ""
    if known.split(separator: "\n").contains(where: { $0.hasSuffix("\tbpf") }), FileManager.default.fileExists(atPath: "/sys/fs/bpf") {
      return Finding(name, .ok, "It is not mounted at /sys/fs/bpf; `skein run` mounts it.")
    }
    return Finding(
      name, withoutXDP, "There is none at /sys/fs/bpf, and it cannot be mounted.",
      advice: "In a container, have the host's /sys/fs/bpf mounted into it.")
  }

  /// Asked for on a thread of its own, which is then gone.
  private func realtime() -> Finding {
    attempt("real-time") {
      let answer = Answer()
      try NativeThread.start(name: "skein-doctor") {
        answer.refusal.withLock { $0 = Realtime.requestPriority().refusal }
        answer.done.signal()
      }
      answer.done.wait()
      return Finding(
        "real-time", refusal: answer.refusal.withLock { $0 }, ok: "The daemon's thread may have real-time priority.", otherwise: .warning,
        advice: "On a busy machine the daemon may be late and lose its lease; keep the detection interval at 200 ms or above.")
    }
  }

  private final class Answer: Sendable {
    let refusal = Mutex<LinuxError?>(nil)
    let done = DispatchSemaphore(value: 0)
  }

  private static func openFileLimit() -> UInt64 {
    var limit = rlimit()
    return getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 ? UInt64(limit.rlim_cur) : 0
  }
}

extension Doctor {
  /// The oldest kernel that the packet path is tried on (`make kernels`).
  static let oldestTried = KernelVersion(major: 6, minor: 1)

  static func judge(kernel version: KernelVersion) -> Finding {
    if version < oldestTried {
      return Finding(
        "kernel", .warning, "Linux \(version) is older than any that Skein is tried on, which is \(oldestTried).",
        advice: "It may do, with `packetPath: packet-socket` if not otherwise: the next lines say what it can.")
    }
    return Finding("kernel", .ok, "Linux \(version).")
  }

  /// The program that decides packets here: that some other program loads says nothing of it.
  static func judge(
    program: String, _ result: Result<[KernelProgram.Verification], LinuxError>, otherwise: Finding.State, advice: String
  ) -> Finding {
    let name = "packet-path"
    var finding: Finding
    switch result {
    case .success(let programs):
      let instructions = programs.reduce(0) { $0 + $1.instructions }
      let most = programs.compactMap(\.verifiedInstructions).max()
      let followed = most.map { ", at most \(grouped($0)) of a million verified" } ?? ""
      finding = Finding(
        name, .ok,
        "This kernel takes the packet path's programs, \(programs.map(\.program).joined(separator: ", ")): \(grouped(instructions)) "
          + "instructions\(followed).")
      finding.verifiedInstructions = most
    case .failure(let refusal):
      finding = Finding(name, refusal: refusal, ok: "", otherwise: otherwise, advice: advice)
      finding.verifierLog = refusal.detail?.split(separator: "\n").map(String.init)
    }
    finding.program = program
    finding.loads = finding.state == .ok
    return finding
  }

  private static func grouped(_ number: Int) -> String {
    number < 1000 ? "\(number)" : "\(grouped(number / 1000)),\("\(number % 1000 + 1000)".dropFirst())"
  }

  static func judge(missing capabilities: [Capability]) -> Finding {
    if capabilities.isEmpty { return Finding("capabilities", .ok, "All that the daemon needs.") }
    return Finding(
      "capabilities", .problem, "Missing: \(capabilities.map(\.name).joined(separator: ", ")).",
      advice: "Run as root, or grant them, as packaging/skein.service does. What is said below of the kernel may only be their want.")
  }

  static func judge(openFiles limit: UInt64) -> Finding {
    limit >= 256
      ? Finding("open-files", .ok, limit > 1 << 40 ? "Without limit." : "Up to \(limit).")
      : Finding("open-files", .warning, "At most \(limit).", advice: "Raise it to 1,024: `ulimit -n 1024`, in systemd LimitNOFILE=.")
  }

  static func judge(clock: SystemClock.State) -> Finding {
    clock.isSynchronised
      ? Finding("clock", .ok, "It is synchronised.")
      : Finding(
        "clock", .warning, "Nothing synchronises this machine's clock.",
        advice: "Leases do not depend on it, but certificates are judged by it: run chrony or systemd-timesyncd.")
  }

  /// Each packet that is taken reads the clock: 20 to 40 ns by a processor's own counter, microseconds by a timer chip.
  static func judge(clockSource: String?) -> Finding {
    guard let clockSource else { return Finding("clock-source", .unknown, "The kernel does not say which it is.") }
    if ["hpet", "acpi_pm", "pit", "jiffies"].contains(clockSource) {
      return Finding(
        "clock-source", .warning, "The kernel reads its time from \(clockSource), which takes as long as tens of packets.",
        advice: "See why it distrusts the processor's counter (`dmesg | grep -i tsc`); a virtual machine may be offered kvm-clock.")
    }
    return Finding("clock-source", .ok, "The kernel reads its time from \(clockSource).")
  }
}

extension EmbeddedProgram {
  /// Whether this kernel takes the very program that the daemon would run, with tables as large as this machine's.
  fileprivate static func verify() throws(LinuxError) -> [KernelProgram.Verification] {
    try KernelProgram.verify(object: object, .packetPath(instance: "", programName: name))
  }
}
