import CLinux

/// A number the kernel gave as the reason of a failure (`errno`).
public struct Errno: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
  /// The number: positive, as in <errno.h>.
  public var rawValue: Int32
  /// From a positive number; of a negative result, its negation.
  public init(rawValue: Int32) { self.rawValue = rawValue }

  /// The calling thread's `errno` at this moment.
  public static var current: Errno { Errno(rawValue: skein_errno()) }

  /// EPERM: this needs a capability that the process does not have, or a firewall forbids it.
  public static let notPermitted = Errno(rawValue: EPERM)
  /// ENOENT: there is no such file, kernel variable or table entry.
  public static let noSuchEntry = Errno(rawValue: ENOENT)
  /// EINTR: a signal came first; the call may be repeated.
  public static let interrupted = Errno(rawValue: EINTR)
  /// EAGAIN: nothing is there to be read, or there is no room to write now; another process may hold the lock.
  public static let wouldBlock = Errno(rawValue: EAGAIN)
  /// EACCES: a file's permissions, a prohibiting route or the BPF verifier does not allow it.
  public static let accessDenied = Errno(rawValue: EACCES)
  /// EBUSY: somebody else has it, such as another XDP program the interface.
  public static let busy = Errno(rawValue: EBUSY)
  /// EEXIST: it is there already.
  public static let exists = Errno(rawValue: EEXIST)
  /// ENODEV: there is no such interface.
  public static let noSuchDevice = Errno(rawValue: ENODEV)
  /// EINVAL: an argument makes no sense to the kernel, or what was read makes none here.
  public static let invalid = Errno(rawValue: EINVAL)
  /// EOPNOTSUPP: the driver or the kernel cannot do this.
  public static let notSupported = Errno(rawValue: EOPNOTSUPP)
  /// EADDRINUSE: another socket has the address and port.
  public static let addressInUse = Errno(rawValue: EADDRINUSE)
  /// EADDRNOTAVAIL: the address is not this machine's, or not yet.
  public static let addressNotAvailable = Errno(rawValue: EADDRNOTAVAIL)
  /// ENETDOWN: the interface is switched off.
  public static let networkDown = Errno(rawValue: ENETDOWN)
  /// ENETUNREACH: there is no route to it.
  public static let networkUnreachable = Errno(rawValue: ENETUNREACH)
  /// EHOSTUNREACH: the route to it refuses, or its neighbour does not answer.
  public static let hostUnreachable = Errno(rawValue: EHOSTUNREACH)
  /// ENOBUFS: a queue is full, and what was sent or told is lost.
  public static let noBuffers = Errno(rawValue: ENOBUFS)
  /// ETIMEDOUT: no answer came in time.
  public static let timedOut = Errno(rawValue: ETIMEDOUT)
  /// EMSGSIZE: it is longer than the interface or socket takes.
  public static let messageTooLong = Errno(rawValue: EMSGSIZE)

  /// The kernel's words and the symbol, as in "Operation not supported (EOPNOTSUPP)".
  public var description: String {
    guard let name = skein_errno_name(rawValue) else { return "error \(rawValue)" }
    return "\(String(cString: skein_errno_text(rawValue))) (\(String(cString: name)))"
  }
}

/// A system call that failed: what was being done, the kernel's reason, and what the operator can do about it.
public struct LinuxError: Error, Hashable, Sendable, CustomStringConvertible {
  /// What could not be done, as in "attach XDP to eth0".
  public var operation: String
  /// The kernel's reason.
  public var code: Errno
  /// What to try instead, for the operator.
  public var advice: String?
  /// More from whoever refused: the tail of the verifier's log, the text of an extended netlink acknowledgement.
  public var detail: String?

  /// `operation` completes the sentence “cannot …”; `advice` and `detail` are added where there are any.
  public init(_ operation: String, _ code: Errno, advice: String? = nil, detail: String? = nil) {
    self.operation = operation
    self.code = code
    self.advice = advice
    self.detail = detail
  }

  /// "cannot attach XDP to eth0: Operation not supported (EOPNOTSUPP); try packetPath: xdp-generic", and the detail on lines of its own.
  public var description: String {
    var text = "cannot \(operation): \(code)"
    if let advice { text += "; \(advice)" }
    if let detail, !detail.isEmpty { text += "\n\(detail)" }
    return text
  }
}
