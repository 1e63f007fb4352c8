import CSystem
import Glibc

/// What looks on at a system call from its begin to its end: ``CallTime`` and the trace. Off, it costs one load and one branch.
package struct CallHook {
  /// The thread's CPU time when the call began; nil: calls aren't timed.
  private let timed: UInt64?
  /// The trace has the call's begin.
  private let traced: Bool
  /// How often the thread had slept; -1: not asked.
  private let sleeps: Int

  /// A call begins. Nil: nothing looks on.
  @inline(__always) package static func begin(_ call: SystemCall, _ subject: CallSubject) -> CallHook? {
    let hooks = csystem_hooks()
    if hooks == 0 { return nil }
    return begin(call, subject, hooks)
  }

  @inline(never) private static func begin(
    _ call: SystemCall, _ subject: CallSubject, _ hooks: UInt32
  ) -> CallHook {
    let isTraced = hooks & CSYSTEM_HOOK_TRACE != 0
    var sleeps = -1
    if isTraced {
      Tracer.callBegins(call, subject)
      if subject.waits { sleeps = Processes.getrusageOfThread().voluntarySwitches }
    }
    return CallHook(timed: CallTime.begin(hooks), traced: isTraced, sleeps: sleeps)
  }

  /// The call has ended. Leaves errno alone.
  @inline(never) package func end(_ call: SystemCall, _ subject: CallSubject, _ result: Int64) {
    let number = errno
    if let timed { CallTime.end(timed) }
    if traced {
      let slept = sleeps >= 0 && Processes.getrusageOfThread().voluntarySwitches > sleeps
      Tracer.callEnds(call, subject, result, result == -1 ? number : 0, slept: slept)
    }
    errno = number
  }
}

/// Makes a call that isn't reported as an error, in the sight of the hooks.
@inline(__always) @discardableResult
func observed<Result: FixedWidthInteger & SignedInteger>(
  _ call: SystemCall, _ subject: CallSubject, _ body: () -> Result
) -> Result {
  let hook = CallHook.begin(call, subject)
  let result = body()
  if let hook { hook.end(call, subject, Int64(result)) }
  return result
}
