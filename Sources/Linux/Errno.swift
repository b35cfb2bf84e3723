import CLinux

/// A number the kernel gave as the reason of a failure (`errno`).
public struct Errno: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
  public var rawValue: Int32
  public init(rawValue: Int32) { self.rawValue = rawValue }

  /// The calling thread's `errno` at this moment.
  public static var current: Errno { Errno(rawValue: skein_errno()) }

  public static let notPermitted = Errno(rawValue: EPERM)
  public static let noSuchEntry = Errno(rawValue: ENOENT)
  public static let interrupted = Errno(rawValue: EINTR)
  public static let wouldBlock = Errno(rawValue: EAGAIN)
  public static let noMemory = Errno(rawValue: ENOMEM)
  public static let accessDenied = Errno(rawValue: EACCES)
  public static let busy = Errno(rawValue: EBUSY)
  public static let exists = Errno(rawValue: EEXIST)
  public static let noSuchDevice = Errno(rawValue: ENODEV)
  public static let invalid = Errno(rawValue: EINVAL)
  public static let noSpace = Errno(rawValue: ENOSPC)
  public static let noProcess = Errno(rawValue: ESRCH)
  public static let notSupported = Errno(rawValue: EOPNOTSUPP)
  public static let addressInUse = Errno(rawValue: EADDRINUSE)
  public static let addressNotAvailable = Errno(rawValue: EADDRNOTAVAIL)
  public static let networkDown = Errno(rawValue: ENETDOWN)
  public static let networkUnreachable = Errno(rawValue: ENETUNREACH)
  public static let hostUnreachable = Errno(rawValue: EHOSTUNREACH)
  public static let noBuffers = Errno(rawValue: ENOBUFS)
  public static let timedOut = Errno(rawValue: ETIMEDOUT)
  public static let messageTooLong = Errno(rawValue: EMSGSIZE)
  public static let stale = Errno(rawValue: ESTALE)

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
