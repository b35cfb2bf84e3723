import Glibc

/// A file descriptor that is closed when its owner goes.
public struct Descriptor: ~Copyable, Sendable {
  /// The kernel's number for it; valid as long as this value lives.
  public let rawValue: Int32

  /// Takes ownership of an open descriptor.
  public init(owning rawValue: Int32) { self.rawValue = rawValue }

  /// Takes ownership of what a call returned, which is an error of `operation` when negative.
  init(result: Int32, _ operation: @autoclosure () -> String, advice: String? = nil) throws(LinuxError) {
    self.rawValue = try check(result, operation(), advice: advice)
  }

  deinit { close(rawValue) }
}

/// `result`, unless it is a negative errno, as the C shims and libbpf return.
@discardableResult
func check<Result: SignedInteger>(_ result: Result, _ operation: @autoclosure () -> String, advice: String? = nil)
  throws(LinuxError) -> Result
{
  if result >= 0 { return result }
  throw LinuxError(operation(), Errno(rawValue: Int32(-result)), advice: advice)
}

/// `result`, unless it is -1 with the reason in errno, as the C library returns.
@discardableResult
func checkErrno(_ result: Int32, _ operation: @autoclosure () -> String, advice: String? = nil) throws(LinuxError) -> Int32 {
  if result >= 0 { return result }
  let code = Errno.current
  throw LinuxError(operation(), code, advice: advice)
}

extension [UInt8] {
  /// `withUnsafeBytes` for a body that throws our type of error.
  func lend(_ body: (UnsafeRawBufferPointer) throws(LinuxError) -> Void) throws(LinuxError) {
    let result: Result<Void, LinuxError> = withUnsafeBytes { bytes in Result { () throws(LinuxError) in try body(bytes) } }
    try result.get()
  }
}
