import CSystem
import Glibc
import Synchronization

/// Starts processes, waits for them and ends them.
package enum Processes {
  package enum Exit: Sendable, Hashable {
    case code(Int32)
    case signal(Int32)
  }

  /// What a process used, from getrusage(2) or wait4(2).
  package struct Usage: Sendable, Hashable {
    package var userNanoseconds: UInt64 = 0
    package var systemNanoseconds: UInt64 = 0
    package var voluntarySwitches: Int = 0
    package var involuntarySwitches: Int = 0
    package var peakKilobytes: Int = 0

    package init() {}

    init(_ raw: rusage) {
      userNanoseconds = UInt64(raw.ru_utime.tv_sec) * 1_000_000_000 + UInt64(raw.ru_utime.tv_usec) * 1000
      systemNanoseconds = UInt64(raw.ru_stime.tv_sec) * 1_000_000_000 + UInt64(raw.ru_stime.tv_usec) * 1000
      voluntarySwitches = raw.ru_nvcsw
      involuntarySwitches = raw.ru_nivcsw
      peakKilobytes = raw.ru_maxrss
    }
  }

  /// posix_spawn(3).
  ///
  /// SIGPIPE gets its default action, as does SIGXFSZ if this library ignores it, no signal is blocked, and the child leads a group of its own, so that a Ctrl-C at the
  /// terminal reaches the parent alone.
  ///
  /// - Parameter ownGroup: Whether it does. A command that the user calls through this program stays in the group, where the
  ///   terminal's keys and input reach it.
  /// - Parameter descriptors: The child's descriptors, from 0 on in this order. It has no others. In the place of a standard
  ///   stream that this process doesn't have, it gets one on which every call fails.
  package static func posixSpawn(
    _ path: String, arguments: [String], environment: [String], descriptors: [Int32], ownGroup: Bool = true
  ) throws(SystemError) -> Int32 {
    waitForChildren()
    // A source with the number of another's target would be overwritten: duplicate all of them above the targets first.
    let base = Int32(descriptors.count)
    var lifted: [Int32] = []
    defer { for descriptor in lifted { _ = Glibc.close(descriptor) } }
    for descriptor in descriptors {
      lifted.append(try duplicate(descriptor, from: base))
    }
    var actions = unsafe posix_spawn_file_actions_t()
    unsafe posix_spawn_file_actions_init(&actions)
    defer { unsafe posix_spawn_file_actions_destroy(&actions) }
    for (target, source) in lifted.enumerated() {
      unsafe posix_spawn_file_actions_adddup2(&actions, source, Int32(target))
    }
    // Also what some library opened without close-on-exec: a pipe that the wrong process has never hangs up.
    _ = unsafe csystem_spawn_addclosefrom(&actions, base)
    var attributes = posix_spawnattr_t()
    unsafe posix_spawnattr_init(&attributes)
    defer { unsafe posix_spawnattr_destroy(&attributes) }
    var none = sigset_t()
    unsafe sigemptyset(&none)
    unsafe posix_spawnattr_setsigmask(&attributes, &none)
    var defaults = sigset_t()
    unsafe sigemptyset(&defaults)
    unsafe sigaddset(&defaults, SIGPIPE)
    if Streams.ignoresSIGXFSZ.load(ordering: .relaxed) { unsafe sigaddset(&defaults, SIGXFSZ) }
    unsafe posix_spawnattr_setsigdefault(&attributes, &defaults)
    unsafe posix_spawnattr_setpgroup(&attributes, 0)
    unsafe posix_spawnattr_setflags(
      &attributes,
      Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | (ownGroup ? POSIX_SPAWN_SETPGROUP : 0)))
    var process: pid_t = 0
    let argv = CStrings([path] + arguments)
    let envp = CStrings(environment)
    defer { withExtendedLifetime((argv, envp)) {} }
    try systemReturning(.posixSpawn) {
      spawning.with {
        unsafe Glibc.posix_spawn(&process, path, &actions, &attributes, argv.pointers, envp.pointers)
      }
    }
    return process
  }

  /// A duplicate with a number from `base` on, and above the standard streams.
  private static func duplicate(_ descriptor: Int32, from base: Int32) throws(SystemError) -> Int32 {
    let first = max(base, Descriptor.lastStandardStream + 1)
    do throws(SystemError) {
      return try system(.fcntl, .descriptor(descriptor)) { fcntl(descriptor, F_DUPFD_CLOEXEC, first) }
    } catch {
      guard error.number == EBADF, 0...Descriptor.lastStandardStream ~= descriptor else { throw error }
      // Not closed in the child too, which may be a program that opens files under these numbers. Opened for the other
      // direction: reading or writing fails with EBADF, as it does here.
      let null = try Files.open("/dev/null", descriptor == 0 ? .write : .read)
      return try system(.fcntl) { fcntl(null.raw, F_DUPFD_CLOEXEC, first) }
    }
  }

  /// A process whose parent ignored SIGCHLD does so too, and the kernel then forgets how its children end: wait4(2) fails, and
  /// the id of a child becomes another process's. It gets its default action. sigaction(2).
  private static func waitForChildren() {
    var current = sigaction()
    guard unsafe sigaction(SIGCHLD, nil, &current) == 0 else { return }
    let isIgnored = unsafe unsafeBitCast(current.__sigaction_handler.sa_handler, to: Int.self) == 1
    if isIgnored { signal(SIGCHLD, SIG_DFL) }
  }

  /// wait4(2), with WNOHANG unless `wait`: how a child ended and what it used.
  ///
  /// - Returns: Nil while the child runs, which only a call that doesn't wait finds.
  package static func wait4(_ process: Int32, wait: Bool) throws(SystemError) -> (exit: Exit, usage: Usage)? {
    var status: Int32 = 0
    var raw = rusage()
    let result = try system(.wait4, .process(process, waits: wait)) {
      unsafe Glibc.wait4(process, &status, wait ? 0 : WNOHANG, &raw)
    }
    guard result == process else { return nil }
    let signal = csystem_wtermsig(status)
    Tracer.record(
      .childEnded, object: process, other: signal, value: signal != 0 ? 0 : Int64(csystem_wexitstatus(status))
    )
    return (signal != 0 ? .signal(signal) : .code(csystem_wexitstatus(status)), Usage(raw))
  }

  /// The C library's text for a signal: "Killed". strsignal(3).
  package static func signalText(_ signal: Int32) -> String {
    guard let text = unsafe strsignal(signal) else { return "signal \(signal)" }
    return unsafe String(cString: text)
  }

  /// getrusage(2) with RUSAGE_SELF.
  package static func getrusage() -> Usage {
    var raw = rusage()
    unsafe Glibc.getrusage(usageOfSelf, &raw)
    return Usage(raw)
  }

  /// getrusage(2) with RUSAGE_THREAD: of the calling thread.
  package static func getrusageOfThread() -> Usage {
    var raw = rusage()
    unsafe Glibc.getrusage(usageOfThread, &raw)
    return Usage(raw)
  }

  private static let usageOfThread: Int32 = 1
  /// RUSAGE_SELF, an enumerator that glibc's own prototype doesn't take in Swift.
  private static let usageOfSelf: Int32 = 0

  /// pidfd_open(2): a descriptor of a process, readable when it has ended. It never becomes another process's.
  package static func pidfdOpen(_ process: Int32) throws(SystemError) -> Descriptor {
    try making(.pidfdOpen, .process(process)) { csystem_pidfd_open(process) }
  }

  /// kill(2) of a child that wasn't waited for yet, so that its id can't be another process's.
  package static func kill(_ process: Int32, _ signal: Int32) {
    if signal == SIGKILL { lastKill.store(Clock.now(), ordering: .relaxed) }
    _ = Glibc.kill(process, signal)
  }

  private static let second: UInt64 = 1_000_000_000
  private static let lastKill = Atomic<UInt64>(0)

  /// Whether this process has killed a child in the last second, which may still be dying.
  package static var hasJustKilled: Bool {
    let time = lastKill.load(ordering: .relaxed)
    return time > 0 && Clock.now() - time < second
  }

  /// Whether this process had the pipe that ends it with its parent when it began: this library started it.
  package static var hadParentDeathPipe: Bool { csystem_had_parent_death_pipe() != 0 }

  /// How many CPUs this process may run on: sched_getaffinity(2).
  package static var processors: Int { max(1, Int(csystem_cpu_count())) }

  /// How many CPUs the machine has online, whichever this process may run on: its peers may run on the others. sysconf(3).
  package static var processorsOnline: Int { max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))) }

  /// The path of the running program: readlink(2) of /proc/self/exe. Without /proc, the path by which it was started:
  /// getauxval(3).
  package static var executable: String {
    Files.link("/proc/self/exe") ?? (unsafe String(cString: csystem_executable()))
  }

  /// The folder to which relative paths are relative: readlink(2) of /proc/self/cwd.
  package static var workingFolder: String { Files.link("/proc/self/cwd") ?? "." }

  /// The environment as it is passed to a child: environ(7).
  package static var environment: [String] {
    var entries: [String] = []
    var next = unsafe environ
    while let entry = unsafe next.pointee {
      unsafe entries.append(String(cString: entry))
      unsafe next += 1
    }
    return entries
  }

  /// getenv(3).
  package static func variable(_ name: String) -> String? {
    guard let value = unsafe getenv(name) else { return nil }
    return unsafe String(cString: value)
  }
}

/// A NULL-terminated array of C strings, freed when the object is.
@safe private final class CStrings {
  fileprivate let pointers: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
  private let count: Int

  init(_ strings: [String]) {
    count = strings.count
    unsafe pointers = .allocate(capacity: strings.count + 1)
    for (index, string) in strings.enumerated() { unsafe pointers[index] = strdup(string) }
    unsafe pointers[strings.count] = nil
  }

  deinit {
    for index in 0..<count { unsafe free(pointers[index]) }
    unsafe pointers.deallocate()
  }
}

extension Processes {
  /// Held while a child starts: it has every descriptor of this process until its program begins.
  private static let spawning = Lock()

  /// Calls `look` while no child starts: what this process has closed is closed then.
  package static func betweenSpawns<Result>(_ look: () -> Result) -> Result { spawning.with(look) }

  /// getppid(2). It changes when the parent is gone and all its descriptors are closed.
  package static var parent: Int32 { getppid() }

  /// PF_EXITING of the kernel's sched.h, as field 9 of /proc/PID/stat shows it.
  private static let isExitingFlag: UInt64 = 4

  /// Whether this process's parent has ended or is ending: its threads were told to, though its descriptors may not all be
  /// closed yet (proc_pid_stat(5)). A parent that lives on without its first thread looks the same.
  ///
  /// - Parameter parent: What ``parent`` was while the parent ran.
  package static func isParentEnding(_ parent: Int32) -> Bool {
    guard let text = try? Files.readText("/proc/\(parent)/stat"), let name = text.lastIndex(of: ")") else {
      return self.parent != parent
    }
    // After the name: state, parent, group, session, terminal, its group, flags.
    let fields = text[name...].split(separator: " ")
    let isExiting = fields.count > 7 && UInt64(fields[7]).map { $0 & isExitingFlag != 0 } ?? false
    // Asked last: the id may have become another process's meanwhile.
    return isExiting || self.parent != parent
  }

  /// The exit code with which a shell reports a process that a signal ended: 130 for SIGINT.
  package static func exitCode(ofSignal signal: Int32) -> Int32 { 128 + signal }

  /// _exit(2): at once, without running exit handlers.
  package static func exitNow(_ code: Int32) -> Never { _exit(code) }
}

extension Processes.Usage {
  /// What was used since `before`.
  package func since(_ before: Processes.Usage) -> Processes.Usage {
    var used = self
    used.userNanoseconds -= before.userNanoseconds
    used.systemNanoseconds -= before.systemNanoseconds
    used.voluntarySwitches -= before.voluntarySwitches
    used.involuntarySwitches -= before.involuntarySwitches
    return used
  }
}

extension Processes {
  /// How many descriptors this process may have, and how many bytes the POSIX queues of its user: getrlimit(2) with
  /// RLIMIT_NOFILE and RLIMIT_MSGQUEUE.
  package static var descriptorLimit: Int { softLimit(RLIMIT_NOFILE) }
  package static var queueBytesLimit: Int { softLimit(__RLIMIT_MSGQUEUE) }

  private static func softLimit(_ resource: __rlimit_resource) -> Int {
    var limit = rlimit()
    guard unsafe getrlimit(__rlimit_resource_t(resource.rawValue), &limit) == 0 else { return .max }
    return Int(clamping: limit.rlim_cur)
  }

  /// Raises this process's limit of descriptors to what its user may have: setrlimit(2) with RLIMIT_NOFILE.
  package static func raiseDescriptorLimit() {
    var limit = rlimit()
    guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
    limit.rlim_cur = limit.rlim_max
    _ = unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
  }

  /// Whether this user has limited the memory of each process (`ulimit -v`): getrlimit(2) with RLIMIT_AS.
  package static var hasMemoryLimit: Bool {
    var limit = rlimit()
    guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit) == 0 else { return false }
    return limit.rlim_cur != .max
  }

  /// malloc_trim(3): gives the heap's free pages back to the kernel.
  package static func mallocTrim() { csystem_malloc_trim() }
}
