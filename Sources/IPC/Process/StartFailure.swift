import Glibc

/// Why a process that was started to serve isn't ready.
extension ChannelError {
  /// How long an error waits for the exit status of a process that has closed its channel.
  package static let exitStatusTimeout = Duration.seconds(1)

  /// The process ended, or closed its channel, or is alive and doesn't serve.
  /// - Parameters:
  ///   - process: what it is, and its program: `the worker /bin/false`.
  ///   - exit: how it ended; nil: it is alive, or it isn't known.
  ///   - earlier: how those ended that were started before it in succession, and weren't ready either.
  ///   - code: with which waiting for it ended: `closed` or `timedOut`.
  ///   - timeout: how long it may take to be ready.
  ///   - what: what it didn't come to: "was ready".
  ///   - function: what its `main` must call; nil: the program is known to call it.
  package static func notReady(
    _ process: String, _ exit: ChildProcess.Exit?, earlier: [ChildProcess.Exit?] = [],
    after code: ChannelError.Code, within timeout: Duration, until what: String = "was ready",
    mustCall function: String?, _ mechanism: Mechanism
  ) -> ChannelError {
    let isLate = exit == nil && code == .timedOut
    let happened =
      if isLate {
        function.map { "is alive and hasn't called \($0) within \(seconds(timeout)) s" }
          ?? "is alive and wasn't ready within \(seconds(timeout)) s"
      } else if let exit {
        "ended (\(exit)) before it \(what)"
      } else {
        "closed its channel before it \(what)"
      }
    return ChannelError(
      isLate ? .timedOut : .closed, .spawn, mechanism,
      "\(process) \(happened)\(history(exit, earlier, isLate)): \(advice(exit, isLate, function))")
  }

  private static func seconds(_ duration: Duration) -> String {
    let seconds = duration / .seconds(1)
    return seconds == seconds.rounded() ? "\(Int(seconds))" : "\(seconds)"
  }

  /// How often it happened, and what the others did where that differs.
  private static func history(
    _ exit: ChildProcess.Exit?, _ earlier: [ChildProcess.Exit?], _ isLate: Bool
  ) -> String {
    guard !earlier.isEmpty else { return "" }
    if !isLate, earlier.allSatisfy({ $0 == exit }) { return ", \(earlier.count + 1) times in succession" }
    var counts: [(exit: ChildProcess.Exit?, count: Int)] = []
    for exit in earlier {
      if let index = counts.firstIndex(where: { $0.exit == exit }) {
        counts[index].count += 1
      } else {
        counts.append((exit, 1))
      }
    }
    let words = counts.map { entry in
      let what = entry.exit.map { "\($0)" } ?? "closed its channel"
      return entry.count == 1 ? what : "\(what) \(entry.count) times"
    }
    return ", after \(earlier.count) others that weren't either (\(words.joined(separator: ", ")))"
  }

  /// What to do about it.
  private static func advice(_ exit: ChildProcess.Exit?, _ isLate: Bool, _ function: String?) -> String {
    let mustCall = function.map { "its main must call \($0) before anything else" }
    switch exit {
    case .signal(let signal) where ChildProcess.Exit.crashes.contains(signal):
      return "it crashed; what it printed on standard error may say why"
    case .signal(let signal):
      return signal == SIGKILL
        ? "something killed it: see whether memory is short (dmesg), or which program sends the signal"
        : "see which program sends the signal"
    case .code(let code) where code != 0:
      return ["what it printed on standard error may say why", mustCall].compactMap { $0 }
        .joined(separator: "; ")
    default:
      return mustCall
        ?? (isLate ? "try again when the machine is less busy, or give it more time" : "try again")
    }
  }
}

extension ChildProcess.Exit {
  /// The signals of a program's own faults.
  fileprivate static let crashes: Set<Int32> = [SIGSEGV, SIGBUS, SIGILL, SIGABRT, SIGFPE, SIGTRAP, SIGSYS]

  /// Whether a signal ended it that isn't of its own making.
  package var isFromOutside: Bool {
    if case .signal(let signal) = self { !Self.crashes.contains(signal) } else { false }
  }
}
