/// Why a process that was started to serve isn't ready.
extension ChannelError {
  /// How long an error waits for the exit status of a process that has closed its channel.
  package static let exitStatusTimeout = Duration.seconds(1)

  /// The process ended, or closed its channel, or is alive and doesn't serve.
  /// - Parameters:
  ///   - process: what it is, and its program: `the worker /bin/false`.
  ///   - exit: how it ended; nil: it is alive.
  ///   - error: with which waiting for it ended: `closed` or `timedOut`.
  ///   - timeout: how long it may take to be ready.
  ///   - function: what its `main` must call.
  package static func notReady(
    _ process: String, _ exit: ChildProcess.Exit?, after error: ChannelError, within timeout: Duration,
    mustCall function: String, _ mechanism: Mechanism
  ) -> ChannelError {
    let seconds = timeout / .seconds(1)
    let limit = seconds == seconds.rounded() ? "\(Int(seconds))" : "\(seconds)"
    let isLate = exit == nil && error.code == .timedOut
    let what =
      if let exit {
        "ended (\(exit)) before it was ready"
      } else if isLate {
        "is alive and hasn't called \(function) within \(limit) s"
      } else {
        "closed its channel before it was ready"
      }
    return ChannelError(
      isLate ? .timedOut : .closed, .spawn, mechanism,
      "\(process) \(what): its main must call \(function) before anything else")
  }
}
