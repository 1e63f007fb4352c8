package import SystemCalls

/// A system call of an ``EventLoop`` that failed.
public struct EventLoopError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The same for the package's own targets.
  package let systemError: SystemError

  package init(_ systemError: SystemError) { self.systemError = systemError }

  /// The error number that the kernel returned, as in errno(3).
  public var errno: Int32 { systemError.number }

  /// The system call that failed: "epoll_ctl", "eventfd".
  public var call: String { systemError.call.rawValue }

  /// The call and what the kernel reported: "epoll_ctl: Bad file descriptor".
  public var description: String { "\(call): \(systemError.description)" }
}
