import CLinux
import Glibc
import Linux
import Testing
import Wire

@Suite struct ErrorTests {
  @Test func anErrorSaysWhatFailedWhyAndWhatToTry() {
    let error = LinuxError("attach XDP to eth0", .notSupported, advice: "try packetPath: xdp-generic")
    #expect(error.description == "cannot attach XDP to eth0: Operation not supported (EOPNOTSUPP); try packetPath: xdp-generic")
  }

  @Test func detailStandsOnLinesOfItsOwn() {
    let error = LinuxError("load the kernel program", .invalid, detail: "R1 invalid mem access")
    #expect(error.description == "cannot load the kernel program: Invalid argument (EINVAL)\nR1 invalid mem access")
  }

  @Test func anUnknownNumberIsShownAsOne() {
    #expect(Errno(rawValue: 4095).description == "error 4095")
  }

  @Test func anInterfaceThatIsNotThereIsNamed() {
    let error = #expect(throws: LinuxError.self) { try Ethtool.driver(of: "nothing0") }
    #expect(error?.description == "cannot name the driver of nothing0: No such device (ENODEV)")
  }

  @Test(arguments: [("6.18.44-cloud-amd64", 6, 18), ("6.1.0", 6, 1), ("5.10", 5, 10), ("6.18-rc1", 6, 18)])
  func aKernelReleaseHasTwoNumbersThatCount(release: String, major: Int, minor: Int) {
    #expect(KernelVersion(release: release) == KernelVersion(major: major, minor: minor))
  }

  @Test func versionsCompareByNumber() throws {
    #expect(KernelVersion(major: 5, minor: 18) < KernelVersion(major: 6, minor: 1))
    #expect(KernelVersion(major: 6, minor: 9) < KernelVersion(major: 6, minor: 18))
    #expect(KernelVersion(release: "unknown") == nil)
    #expect(try KernelVersion.running() > KernelVersion(major: 4, minor: 0))
  }

  @Test func theSolicitedNodeGroupEndsInTheAddress() {
    let address = InternetAddress(high: 0x2001_0db8_0000_0000, low: 0x1234_5678_9abc_def0)
    #expect(SolicitedNodeMembership.group(of: address) == InternetAddress(high: 0xff02_0000_0000_0000, low: 0x1_ffbc_def0))
  }

  @Test func thisProcessUsesMemoryAndTime() throws {
    let usage = try ProcessUsage.current()
    #expect(usage.residentByteCount > 1 << 20)
    #expect(usage.processorTime > .zero)
    #expect(try ProcessUsage.current().processorTime >= usage.processorTime)
  }
}

/// The environment belongs to the whole process, so these take turns.
@Suite(.serialized) struct ServiceManagerTests {
  @Test func withoutAServiceManagerNothingIsSent() throws {
    unsetenv("NOTIFY_SOCKET")
    try ServiceManager.ready()
  }

  @Test func messagesArriveAtTheServiceManager() throws {
    let path = "/tmp/\(uniqueName("skein-notify"))"
    let listener = try listen(at: path)
    defer { stopListening(listener, path) }
    try ServiceManager.ready()
    try ServiceManager.alive()
    try ServiceManager.status("two\nlines")
    try ServiceManager.stopping()
    #expect(try (0..<4).map { _ in try received(listener) } == ["READY=1", "WATCHDOG=1", "STATUS=two lines", "STOPPING=1"])
  }

  @Test func aServiceManagerThatStandsStillHoldsNobodyUp() throws {
    let path = "/tmp/\(uniqueName("skein-notify"))"
    let listener = try listen(at: path)
    defer { stopListening(listener, path) }
    var sent = 0
    let failure = #expect(throws: LinuxError.self) { while true { try ServiceManager.alive(); sent += 1 } }
    #expect(failure?.code == .wouldBlock && sent > 0)
    // That the service is up is said later, and once.
    try ServiceManager.ready()
    for _ in 0..<sent { #expect(try received(listener) == "WATCHDOG=1") }
    try ServiceManager.alive()
    try ServiceManager.alive()
    #expect(try (0..<2).map { _ in try received(listener) } == ["READY=1\nWATCHDOG=1", "WATCHDOG=1"])
  }

  @Test func theWatchdogIsThisProcesssOnlyIfNamed() {
    defer {
      unsetenv("WATCHDOG_USEC")
      unsetenv("WATCHDOG_PID")
    }
    #expect(ServiceManager.watchdogInterval == nil)
    setenv("WATCHDOG_USEC", "2000000", 1)
    #expect(ServiceManager.watchdogInterval == .seconds(2))
    setenv("WATCHDOG_PID", "1", 1)
    #expect(ServiceManager.watchdogInterval == nil)
  }

  /// A service manager's socket, which the environment names.
  private func listen(at path: String) throws -> Int32 {
    let listener = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    let bound = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(listener, $0, UInt32(MemoryLayout<sockaddr_un>.size)) }
    }
    try #require(bound == 0)
    setenv("NOTIFY_SOCKET", path, 1)
    return listener
  }

  private func stopListening(_ listener: Int32, _ path: String) {
    unsetenv("NOTIFY_SOCKET")
    close(listener)
    unlink(path)
  }

  private func received(_ descriptor: Int32) throws -> String {
    try #require(isReadable(descriptor))
    var buffer = [UInt8](repeating: 0, count: 256)
    let count = recv(descriptor, &buffer, buffer.count, 0)
    return String(decoding: buffer.prefix(max(0, count)), as: UTF8.self)
  }
}
