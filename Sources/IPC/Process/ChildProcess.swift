import Glibc
package import SystemCalls

/// A process that this one has started. Going out of scope ends it: it is killed if it still runs, and reaped.
public struct ChildProcess: ~Copyable, @unchecked Sendable {
  // What is kept is only ever released.

  /// How a process ended.
  public enum Exit: Hashable, Sendable, CustomStringConvertible {
    /// It returned this code.
    case code(Int32)
    /// This signal ended it.
    case signal(Int32)

    /// `exit code 0`, `signal 9`.
    public var description: String {
      switch self {
      case .code(let code): "exit code \(code)"
      case .signal(let signal): "signal \(signal)"
      }
    }
  }

  /// Its process id.
  public let id: Int32
  private let parentDeathPipe: Descriptor
  /// What keeps the objects of passed endpoints until the child has ended.
  private var kept: [AnyObject]
  private var ended: (exit: Processes.Exit, usage: Processes.Usage)?
  /// The peer monitor's token for the parent-death pipe.
  private var watch: UInt64?

  /// Starts a process and passes it endpoints.
  ///
  /// ```swift
  /// var jobs = try Channel<String>(over: .memory)
  /// var child = try ChildProcess.spawn(arguments: ["worker"]) { try $0.pass(&jobs.receiver, as: "jobs") }
  /// // The child calls Receiver<String>(inherited: "jobs").
  /// ```
  ///
  /// The child leads a process group of its own. If it is built with this library, it dies with this process: it holds a
  /// pipe that the kernel hangs up when this process ends, however it ends. A program that is passed endpoints must take
  /// one of them for that.
  ///
  /// System calls: pipe2(2), posix_spawn(3), pidfd_open(2).
  ///
  /// - Parameters:
  ///   - executable: the program's path, or its name, which is searched in PATH; nil: this program again.
  ///   - arguments: its arguments, without its own name.
  ///   - configure: passes endpoints, and sets what else the child gets.
  /// - Throws: ``ChannelError``: `system` or `notAllowed`, with the errno of posix_spawn(3), and what is wrong with the
  ///   path: a folder, a file that isn't executable, no such program;
  ///   `notServed` if this process was itself started by this library, hasn't taken any of its endpoints, and would start
  ///   its program again: processes without end. What `configure` throws.
  public static func spawn(
    _ executable: String? = nil, arguments: [String] = [], _ configure: (inout Spawn) throws -> Void
  ) throws -> ChildProcess {
    var spawn = Spawn(executable, arguments: arguments)
    try configure(&spawn)
    return try spawn.start()
  }

  /// Starts a process without endpoints; see ``spawn(_:arguments:_:)``.
  public static func spawn(
    _ executable: String? = nil, arguments: [String] = []
  ) throws(ChannelError) -> ChildProcess { try Spawn(executable, arguments: arguments).start() }

  init(_ id: Int32, parentDeathPipe: consuming Descriptor, keeping kept: [AnyObject]) {
    self.id = id
    self.parentDeathPipe = parentDeathPipe
    self.kept = kept
  }

  deinit {
    if let watch { PeerMonitor.unwatch(parentDeathPipe.raw, watch) }
    guard ended == nil else { return }
    Processes.kill(id, SIGKILL)
    _ = try? Processes.wait4(id, wait: true)
  }

  /// Waits until it has ended: wait4(2).
  public mutating func wait() throws(ChannelError) -> Exit {
    _ = FlushRegistry.flushBeforeWaiting()
    return try Self.exit(reap(wait: true)!.exit)
  }

  /// How it ended; nil if it still runs.
  public mutating func exitIfEnded() throws(ChannelError) -> Exit? {
    try reap(wait: false).map { Self.exit($0.exit) }
  }

  /// Waits at most for a duration: pidfd_open(2), poll(2).
  /// - Returns: nil if it still runs.
  public mutating func wait(within duration: Duration) throws(ChannelError) -> Exit? {
    if let exit = try exitIfEnded() { return exit }
    _ = FlushRegistry.flushBeforeWaiting()
    let id = self.id
    _ = try translating(.wait, nil) { () throws(SystemError) in
      let descriptor = try Processes.pidfdOpen(id)
      return try ppoll(descriptor.raw, read: true, nanoseconds: Deadline.within(duration).remaining)
    }
    return try exitIfEnded()
  }

  /// Calls `gone` once, on a thread of the library, when the process ends, or closes its parent-death pipe: epoll_wait(2).
  package mutating func notify(_ gone: @escaping @Sendable () -> Void) throws(ChannelError) {
    let pipe = parentDeathPipe.raw
    watch = try translating(.wait, nil) { () throws(SystemError) in try PeerMonitor.watch(pipe, gone) }
  }

  /// Whether it has ended, or ends within a duration. It isn't reaped: its id stays its own. pidfd_open(2), poll(2).
  package func hasEnded(within duration: Duration) -> Bool {
    if ended != nil { return true }
    guard let descriptor = try? Processes.pidfdOpen(id) else { return false }
    return (try? ppoll(descriptor.raw, read: true, nanoseconds: Deadline.within(duration).remaining)) ?? false
  }

  /// Ends it at once: SIGKILL.
  public func kill() { if ended == nil { Processes.kill(id, SIGKILL) } }

  /// Asks it to end: SIGTERM.
  public func terminate() { if ended == nil { Processes.kill(id, SIGTERM) } }

  /// The CPU time and memory that it used, once it has ended.
  package var usage: Processes.Usage? { ended?.usage }

  private mutating func reap(
    wait: Bool
  ) throws(ChannelError) -> (exit: Processes.Exit, usage: Processes.Usage)? {
    if let ended { return ended }
    let id = self.id
    ended = try translating(.wait, nil) { () throws(SystemError) in try Processes.wait4(id, wait: wait) }
    if ended != nil { kept = [] }
    return ended
  }

  private static func exit(_ exit: Processes.Exit) -> Exit {
    switch exit {
    case .code(let code): .code(code)
    case .signal(let signal): .signal(signal)
    }
  }
}
