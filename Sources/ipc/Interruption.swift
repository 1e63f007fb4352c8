import Demos
import IPC
import Synchronization
import SystemCalls

/// What SIGINT, SIGTERM, SIGHUP and SIGQUIT do to a command: end it, after it has cleaned up.
enum Interruption {
  private static let first = Atomic<Int32>(0)

  /// The exit code of a command that was interrupted: 130 for SIGINT.
  static var exitCode: Int32 {
    let signal = first.load(ordering: .acquiring)
    return signal == 0 ? Failure.Kind.interrupted.rawValue : Processes.exitCode(ofSignal: signal)
  }

  /// From now on a signal ends the process with its exit code, after removing what the process has made. Call it before
  /// anything else: a signal that comes earlier ends it by the system's default action, with nothing made.
  static func begin() {
    // Where no thread can be started, the default action stays.
    try? Interrupts.handle { end($0) }
  }

  /// From now on the first signal calls `interrupt`, on a thread of its own, and the next one ends the process at once.
  static func handle(_ interrupt: @escaping @Sendable () -> Void) throws {
    do throws(SystemError) {
      try Interrupts.handle { signal in
        guard first.compareExchange(expected: 0, desired: signal, ordering: .acquiringAndReleasing).exchanged
        else {
          end(signal)
        }
        interrupt()
      }
    } catch {
      throw Failure.work("Ctrl-C can't be handled: \(error.description)")
    }
  }

  /// From now on a signal also removes what the demo has made that runs. Where no thread can be started, a demo handles signals
  /// itself, as the program of its own that it can be.
  static func cleanUpDemos() {
    guard (try? Interrupts.handle({ signal in DemoSignals.end { end(signal) } })) != nil else { return }
    DemoSignals.areHandled = true
  }

  private static let lastWorks = Locked<[@Sendable () -> Void]>([])

  /// Calls `work` also when a signal ends the process at once.
  static func atEnd(_ work: @escaping @Sendable () -> Void) { lastWorks.withLock { $0.append(work) } }

  private static let removing = Locked(())
  /// How long a process that was killed may take to die, in nanoseconds.
  private static let dyingTime: UInt64 = 100_000_000

  /// After a signal: removes what processes have left that this one has killed because of it.
  static func removeLeftovers() {
    guard first.load(ordering: .acquiring) != 0 else { return }
    // Under the lock: a second signal ends the process when this has returned.
    removing.withLock { _ in
      Leftovers.remove()
      guard Processes.hasJustKilled else { return }
      Clock.sleep(nanoseconds: dyingTime)
      Leftovers.remove()
    }
  }

  /// Ends the process at once, but for what would outlive it.
  private static func end(_ signal: Int32) -> Never {
    Terminal.endProgress()
    ResourceCleaner.removeAll()
    for work in lastWorks.withLock({ $0 }) { work() }
    removeLeftovers()
    Processes.exitNow(Processes.exitCode(ofSignal: signal))
  }
}
