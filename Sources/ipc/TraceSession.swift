import Glibc
import IPC
import IPCTrace
import Measurement
import SystemCalls

/// Runs a program with a recording, and follows its processes until the last has ended.
enum TraceSession {
  /// What a trace shows, and how the program ended.
  struct Result {
    let title: String
    let timeline: Timeline
    let processes: [TracedProcess]
    /// How the program ended; nil: none was run.
    var exit: Processes.Exit?
    var wasInterrupted = false

    /// Throws as the program ended.
    func checkEnd() throws(Failure) {
      if wasInterrupted { throw .interrupted }
      switch exit {
      case nil, .code(0): return
      case .code(let code): throw Failure(kind: .work, message: "", exitCode: code)
      case .signal(let signal):
        throw Failure(kind: .work, message: "", exitCode: Processes.exitCode(ofSignal: signal))
      }
    }
  }

  /// How long it pauses after a reading that brought nothing, in nanoseconds; and how often it looks for processes that are gone.
  fileprivate static let pause: UInt64 = 1_000_000
  fileprivate static let looksInterval: UInt64 = 20_000_000
  /// How long the program has after an interruption, in nanoseconds.
  fileprivate static let timeToEnd: UInt64 = 2_000_000_000

  /// In words: where a trace was recorded.
  static var machine: String {
    let machine = MachineDescription(limits: [:])
    return
      "\(machine.cpu), \(machine.cpus) CPUs\(machine.isVirtual ? ", virtual" : ""), Linux \(machine.kernel)"
  }

  /// How a process ended, in words.
  static func ending(_ exit: Processes.Exit) -> String {
    switch exit {
    case .code(let code): "exited with \(code)"
    case .signal(let signal): "killed by signal \(signal) (\(Processes.signalText(signal)))"
    }
  }

  // MARK: A program

  /// Where the program's standard output goes.
  enum Output {
    case inherited, error, none
  }

  static func run(
    _ program: [String], limit: Int, payload: Int, output: Output, title: String? = nil
  ) throws -> Result {
    let path = try path(of: program[0])
    let owned = try TraceDirectory()
    defer { owned.remove() }
    let interrupted = InterruptFlag()
    // The program gets the signal as well, from the terminal: it ends, and what it did is shown. The second one ends the tool.
    try Interruption.handle { interrupted.set() }
    var variables = Processes.environment.filter {
      !$0.hasPrefix("IPC_TRACE=") && !(payload > 0 && $0.hasPrefix("IPC_TRACE_PAYLOAD="))
    }
    variables.append("IPC_TRACE=\(owned.path)")
    if payload > 0 { variables.append("IPC_TRACE_PAYLOAD=\(payload)") }
    let null = try Files.open("/dev/null", .readWrite)
    let standardOutput: Int32 =
      switch output {
      case .inherited: 1
      case .error: 2
      case .none: null.raw
      }
    let child: Int32
    do throws(SystemError) {
      child = try Processes.posixSpawn(
        path, arguments: Array(program.dropFirst()), environment: variables,
        descriptors: [0, standardOutput, 2], ownGroup: false)
    } catch {
      throw Failure.work("\(path) can't be started: \(error.description)")
    }
    var following = Following(TraceFolder(owned.path, takes: true), limit: limit)
    let exit = try following.follow(child, interrupted)
    let timeline = following.finish()
    guard following.folder.processCount > 0 else {
      let isOurs = following.folder.problems.first
      throw Failure.work(
        isOurs
          ?? "\(program[0]) recorded nothing: it doesn't use this library, or opened no channel. Its system calls: strace -f \(program.joined(separator: " "))"
      )
    }
    return Result(
      title: title ?? program.joined(separator: " "), timeline: timeline,
      processes: following.folder.processes,
      exit: exit, wasInterrupted: interrupted.isSet)
  }

  /// Where a shell would find a program.
  private static func path(of program: String) throws(Failure) -> String {
    if program.contains("/") {
      guard Files.isExecutable(program) else { throw .call("\(program): no program that can be run") }
      return program
    }
    for folder in (Processes.variable("PATH") ?? "/bin:/usr/bin").split(
      separator: ":", omittingEmptySubsequences: false)
    {
      let path = (folder.isEmpty ? "." : folder) + "/" + program
      if Files.isExecutable(path) { return path }
    }
    throw .call("\(program): no such program in a folder of PATH; write its path, with a slash")
  }

  // MARK: A folder

  static func read(folder path: String, limit: Int) throws -> Result {
    var following = Following(TraceFolder(path, takes: false), limit: limit)
    do throws(SystemError) {
      guard try Files.stat(path, followsLink: true).kind == .directory else {
        throw SystemError(ENOTDIR, .opendir)
      }
      try following.readOnce()
    } catch {
      throw Failure.work("\(path) can't be read: \(error.description)")
    }
    guard following.folder.processCount > 0 else {
      throw Failure.work(
        following.folder.problems.first
          ?? "\(path) has no trace: run a program that uses this library with IPC_TRACE=\(path)")
    }
    return Result(title: path, timeline: following.finish(), processes: following.folder.processes)
  }
}

/// Reads a folder's events, puts them in order, and builds the timeline from them.
private struct Following {
  var folder: TraceFolder
  private var order = EventOrder()
  private var builder: TimelineBuilder
  /// How processes ended, by what their parents' wait4(2) said.
  private var endings: [Int32: String] = [:]

  init(_ folder: TraceFolder, limit: Int) {
    self.folder = folder
    builder = TimelineBuilder(limit: limit)
  }

  /// - Returns: how many records were read.
  private mutating func read(looksForEnds: Bool) throws(SystemError) -> Int {
    let now = Clock.now()
    var found: [TraceEvent] = []
    let count = try folder.read(looksForEnds: looksForEnds) { found.append($0) }
    for event in found {
      order.add(event)
      if case .childEnded(let child, let code, let signal) = event.content {
        endings[child] = TraceSession.ending(signal != 0 ? .signal(signal) : .code(code))
      }
    }
    if count > 0 { for event in order.take(now: now) { builder.add(event) } }
    return count
  }

  mutating func readOnce() throws(SystemError) {
    while try read(looksForEnds: true) > 0 {}
  }

  /// Follows a child and all processes that record into the folder, until the last has ended; after an interruption, until the
  /// child has.
  mutating func follow(_ child: Int32, _ interrupted: InterruptFlag) throws -> Processes.Exit? {
    var exit: Processes.Exit?
    var lastLook: UInt64 = 0
    /// When the tool was interrupted; the program gets the signal too, where that came from a terminal.
    var interruptedAt: UInt64?
    while true {
      if exit == nil, let ended = try Processes.wait4(child, wait: false) {
        exit = ended.exit
        endings[child] = TraceSession.ending(ended.exit)
      }
      let now = Clock.now()
      if interrupted.isSet, exit == nil {
        if interruptedAt == nil { interruptedAt = now }
        if let since = interruptedAt, now > since, now - since > TraceSession.timeToEnd {
          Processes.kill(child, SIGTERM)
          interruptedAt = .max
        }
      }
      let looks = exit != nil || now - lastLook > TraceSession.looksInterval
      if looks { lastLook = now }
      let count = try read(looksForEnds: looks)
      if count > 0 { continue }
      if exit != nil, folder.isOver || interrupted.isSet { return exit }
      Clock.sleep(nanoseconds: TraceSession.pause)
    }
  }

  mutating func finish() -> Timeline {
    for event in order.take(now: nil) { builder.add(event) }
    var ends: [Int32: (time: UInt64, ending: String?)] = [:]
    for (process, time) in folder.ends { ends[process] = (time, endings[process]) }
    return builder.finish(processes: folder.processes, ends: ends, notes: folder.problems)
  }
}

/// The folder of a trace that the tool makes, in memory where the system has such a file system, and removes. What a killed tool
/// has left, the next one removes.
private final class TraceDirectory: Sendable {
  let path: String
  private let lock: Descriptor

  private static let prefix = "ipc-trace-\(CurrentProcess.user)-"
  private static let lockName = "lock"

  init() throws {
    let base = Self.base
    Self.removeAbandoned(base)
    let path = base + "/" + Self.prefix + String(UInt64.random(in: 0...UInt64.max), radix: 36)
    do throws(SystemError) {
      try Files.mkdir(path)
      lock = try Files.open(path + "/" + Self.lockName, .write, create: true)
      _ = try Files.flock(lock, wait: false)
    } catch {
      throw Failure.work(
        "\(path) can't be made: \(error.description); a trace is kept there while it is recorded (TMPDIR says where)"
      )
    }
    self.path = path
    Interruption.atEnd { Self.remove(path) }
  }

  private static var base: String {
    if let folder = Processes.variable("TMPDIR"), !folder.isEmpty { return folder }
    return unsafe access("/dev/shm", W_OK | X_OK) == 0 ? "/dev/shm" : "/tmp"
  }

  func remove() { Self.remove(path) }

  private static func remove(_ path: String) {
    for name in (try? Files.names(in: path)) ?? [] { try? Files.unlink(path + "/" + name) }
    try? Files.rmdir(path)
  }

  /// Removes this user's folders that no process has locked.
  private static func removeAbandoned(_ base: String) {
    for name in (try? Files.names(in: base)) ?? [] where name.hasPrefix(prefix) {
      let path = base + "/" + name
      guard let status = try? Files.stat(path), status.kind == .directory,
        status.owner == CurrentProcess.user,
        let lock = try? Files.open(path + "/" + lockName, .write),
        (try? Files.flock(lock, wait: false)) == true
      else { continue }
      remove(path)
    }
  }
}
