import CLinux

/// The clock that tells the time of day, as the kernel keeps it.
public enum SystemClock {
  /// What the kernel says about it (adjtimex(2)).
  public struct State: Hashable, Sendable {
    /// A time service on this machine, or the hypervisor, keeps it right.
    public var isSynchronised: Bool
    /// How wrong it may be, in microseconds, as the kernel estimates.
    public var largestErrorMicroseconds: Int64

    /// What the kernel said, or what a test has it say.
    public init(isSynchronised: Bool, largestErrorMicroseconds: Int64) {
      self.isSynchronised = isSynchronised
      self.largestErrorMicroseconds = largestErrorMicroseconds
    }
  }

  /// Asks the kernel.
  public static func state() throws(LinuxError) -> State {
    var largestError: Int64 = 0
    let isSynchronised = try check(skein_clock_state(&largestError), "ask the state of the clock")
    return State(isSynchronised: isSynchronised == 1, largestErrorMicroseconds: largestError)
  }
}
