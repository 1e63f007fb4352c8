import Glibc

/// The one gate from errno to an error: makes the call, makes it again when a signal interrupts it, and throws every
/// other errno. In debug builds ``Faults`` can answer in place of the kernel. ``CallHook`` looks on.
///
/// - Parameters:
///   - call: The call that `body` makes; the error names it.
///   - subject: What it works on, for a trace.
///   - tries: How often a call that finds nothing to do is made before the error is thrown: the shortest spin that there
///     is around a call.
///   - throwsInterrupted: Throws EINTR too: for a call whose timeout begins anew each time it is made. Its caller knows
///     the instant at which the wait ends.
@inline(__always) @discardableResult
package func system<Result: FixedWidthInteger & SignedInteger>(
  _ call: SystemCall, _ subject: CallSubject = .none, tries: Int = 1, throwsInterrupted: Bool = false,
  _ body: () -> Result
) throws(SystemError) -> Result {
  var left = tries
  while true {
    if let forced = Faults.errno(for: call) {
      if forced == EINTR, !throwsInterrupted { continue }
      throw SystemError(forced, call)
    }
    let hook = CallHook.begin(call, subject)
    let result = body()
    if let hook { hook.end(call, subject, Int64(result)) }
    if result != -1 { return result }
    let number = Glibc.errno
    if number == EINTR, !throwsInterrupted { continue }
    let error = SystemError(number, call)
    left &-= 1
    guard left > 0, error.foundNothing else { throw error }
    CPU.pause()
  }
}

/// The gate for the functions of POSIX threads and spawning, which return the error number instead of setting errno.
func systemReturning(
  _ call: SystemCall, _ subject: CallSubject = .none, _ body: () -> Int32
) throws(SystemError) {
  try system(call, subject) { () -> Int32 in
    let number = body()
    guard number != 0 else { return 0 }
    errno = number
    return -1
  }
}
