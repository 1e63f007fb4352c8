/// Which calls of a trace a program made on its channel, by the phase in which it made them.
///
/// A process marks the beginning of a phase with a write(2) of "phase: NAME" to /dev/null. A call belongs to the phase
/// of its process in which it began, whichever thread made it; what a process does before its first mark, and in phases
/// of other names, is its own. These calls are the channel's:
/// - calls on a descriptor, except those on standard input, output and error, on files of the system (/proc, /dev), and
///   on pipes that were made outside every phase;
/// - calls on a path of the channel;
/// - calls on System V objects, POSIX queues, memory files and realtime signals, which have no other user here;
/// - futex(2) on a word in memory that processes share; munmap(2) of such memory; membarrier(2);
/// - starting a process, and waiting for its end.
package struct StracePhases {
  /// The calls of a phase by name, with the first of each, for messages.
  package private(set) var calls: [String: [String: StraceCall]] = [:]

  private let phases: Set<String>
  private let paths: [String]
  private var processes: [Int32: ProcessState] = [:]
  /// Which process a thread belongs to.
  private var leaders: [Int32: Int32] = [:]
  /// Pipes that were made outside every phase.
  private var otherPipes: Set<String> = []
  private var segmentBytes: [String: UInt64] = [:]

  private struct ProcessState {
    var phase: String?
    /// The memory that other processes share.
    var shared: [Range<UInt64>] = []
  }

  private static let mark = "phase: "
  private static let systemPaths = ["/proc/", "/dev/", "/sys/", "/etc/", "/usr/", "/lib", "/run/"]
  private static let families = ["msg", "sem", "shm", "mq_", "memfd_"]
  private static let objectCalls: Set<String> = [
    "membarrier", "rt_tgsigqueueinfo", "rt_sigqueueinfo", "rt_sigtimedwait", "wait4", "waitid",
  ]
  private static let spawns: Set<String> = ["clone", "clone3", "fork", "vfork"]
  /// Names between which the C library chooses.
  private static let aliases = [
    "open": "openat", "mknod": "mknodat", "stat": "newfstatat", "lstat": "newfstatat", "fstat": "newfstatat",
    "unlinkat": "unlink", "mkdirat": "mkdir",
  ]

  /// - Parameters:
  ///   - calls: a trace, in the order in which the calls began.
  ///   - phases: the phases to look at.
  ///   - paths: what the paths of the channel begin with.
  package init(_ calls: [StraceCall], phases: [String], paths: [String]) {
    self.phases = Set(phases)
    self.paths = paths
    for call in calls { noteSpawn(call) }
    for call in calls { note(call) }
  }

  /// The names of a phase's calls.
  package func names(_ phase: String) -> Set<String> { Set((calls[phase] ?? [:]).keys) }

  /// The name under which a call is listed.
  package static func listedName(of call: StraceCall) -> String { aliases[call.name] ?? call.name }

  // MARK: Threads and processes

  private mutating func noteSpawn(_ call: StraceCall) {
    guard Self.spawns.contains(call.name), let child = call.returned.map({ Int32(clamping: $0) }), child > 0
    else { return }
    if Self.startsThread(call) { leaders[child] = leader(call.thread) }
  }

  private static func startsThread(_ call: StraceCall) -> Bool { call.arguments.contains("CLONE_THREAD") }

  private func leader(_ thread: Int32) -> Int32 {
    // A thread may be traced before the call that made it has returned: the whole trace is read for these first, and
    // a thread that a thread made belongs to that one's process.
    var thread = thread
    while let next = leaders[thread], next != thread { thread = next }
    return thread
  }

  // MARK: Calls

  private mutating func note(_ call: StraceCall) {
    let process = leader(call.thread)
    var state = processes[process] ?? ProcessState()
    defer { processes[process] = state }
    if call.name == "execve", call.returned == 0 { state = ProcessState() }
    if call.name == "write", let text = call.strings.first, text.hasPrefix(Self.mark) {
      state.phase = String(text.dropFirst(Self.mark.count))
      return
    }
    guard let phase = state.phase, phases.contains(phase) else {
      if call.name == "pipe2" || call.name == "pipe" {
        otherPipes.formUnion(call.descriptors.map { $0.name })
      }
      noteMemory(call, &state)
      return
    }
    let isOfChannel = isOfChannel(call, state)
    noteMemory(call, &state)
    guard isOfChannel else { return }
    let name = Self.listedName(of: call)
    if calls[phase]?[name] == nil { calls[phase, default: [:]][name] = call }
  }

  private func isOfChannel(_ call: StraceCall, _ state: ProcessState) -> Bool {
    if Self.families.contains(where: { call.name.hasPrefix($0) }) { return true }
    if Self.objectCalls.contains(call.name) { return true }
    if Self.spawns.contains(call.name) { return !Self.startsThread(call) }
    if call.name == "futex" || call.name == "munmap" {
      guard let address = Self.address(call) else { return false }
      return state.shared.contains { $0.contains(address) }
    }
    if (call.descriptors + call.resultDescriptors).contains(where: isOfChannel) { return true }
    return call.strings.contains { string in paths.contains { string.hasPrefix($0) } }
  }

  private func isOfChannel(_ descriptor: StraceCall.NamedDescriptor) -> Bool {
    descriptor.number > 2 && !otherPipes.contains(descriptor.name)
      && !Self.systemPaths.contains { descriptor.name.hasPrefix($0) }
  }

  // MARK: Shared memory

  private mutating func noteMemory(_ call: StraceCall, _ state: inout ProcessState) {
    let words = call.arguments.split(separator: ",").map { $0.drop(while: { $0 == " " }) }
    switch call.name {
    case "shmget":
      if let id = call.returned, words.count > 1 { segmentBytes[String(id)] = Self.number(words[1]) }
    case "shmat":
      guard let address = call.returned, let id = words.first else { return }
      // A segment that a process outside of the trace made: one page at least.
      state.shared.append(address..<(address + (segmentBytes[String(id)] ?? 4096)))
    case "mmap":
      guard let address = call.returned, words.count > 3, words[3].contains("MAP_SHARED"),
        let bytes = Self.number(words[1])
      else { return }
      if call.descriptors.contains(where: isOfChannel) { state.shared.append(address..<(address + bytes)) }
    case "shmdt", "munmap":
      guard let address = Self.address(call) else { return }
      state.shared.removeAll { $0.lowerBound == address }
    default: break
    }
  }

  /// The first argument, as an address.
  private static func address(_ call: StraceCall) -> UInt64? {
    number(call.arguments.prefix { $0 != "," }[...])
  }

  private static func number(_ text: Substring) -> UInt64? {
    text.hasPrefix("0x") ? UInt64(text.dropFirst(2), radix: 16) : UInt64(text)
  }
}
