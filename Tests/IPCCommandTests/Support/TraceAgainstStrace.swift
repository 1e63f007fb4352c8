import IPC
import IPCTrace
import SystemCalls
import TestSupport

/// The calls of processes on the objects of their channels, as the processes recorded them and as strace(1) saw them.
struct TraceAgainstStrace {
  /// A call on an object, in words that both sides have in common: `phase 3: writev = 13`.
  typealias Calls = [String]

  /// An object of a process: `pid 12: pipe:[1234] as 4`.
  struct Place: Hashable, CustomStringConvertible {
    let process: Int32
    let object: String
    var description: String { "process \(process), \(object)" }
  }

  private(set) var recorded: [Place: Calls] = [:]
  private(set) var seen: [Place: Calls] = [:]
  /// The signals that each process queued to another.
  private(set) var recordedSignals: [Int32: Int] = [:]
  private(set) var seenSignals: [Int32: Int] = [:]

  /// Functions of the C library that make other calls, or none: their sums are compared, and nothing else.
  private static let library: Set<String> = ["sem_post", "sem_trywait", "sem_clockwait", "sem_init"]
  /// What the recorder asks to find out what a descriptor is.
  private static let questions: Set<String> = [
    "fstat", "newfstatat", "readlink", "readlinkat", "getsockname", "getpeername", "statx",
  ]
  /// Of a socket, the calls from when it has its peer: before, its name is another one.
  private static let ofSockets: Set<String> = ["sendmsg", "recvmsg", "shutdown", "close"]
  /// Names that differ between man page and kernel.
  private static let kernelNames = ["mq_getattr": "mq_getsetattr"]

  init(_ events: [TraceEvent], _ calls: [StraceCall]) {
    let channels = Self.channels(events)
    record(events, channels)
    see(calls, channels, Set(events.map(\.process)))
  }

  // MARK: What is a channel's

  private struct Channels {
    /// The objects of endpoints, by their names: `pipe:[1234]`, `queue:3`.
    var objects: [Int32: Set<String>] = [:]
    var memory: [Int32: [Range<UInt64>]] = [:]
  }

  private static func channels(_ events: [TraceEvent]) -> Channels {
    var channels = Channels()
    var names: [Int32: [Int32: String]] = [:]
    for event in events {
      switch event.content {
      case .descriptor(let number, let object): names[event.process, default: [:]][number] = canonical(object)
      case .opened(let endpoint):
        for object in endpoint.objects {
          if object.hasPrefix("fd:"), let number = Int32(object.dropFirst(3)) {
            if let name = names[event.process]?[number] {
              channels.objects[event.process, default: []].insert("\(name) as \(number)")
            }
          } else if object.hasPrefix("memory:") {
            let words = object.dropFirst(7).split(separator: "+").compactMap { UInt64($0) }
            if words.count == 2 {
              channels.memory[event.process, default: []].append(words[0]..<(words[0] + words[1]))
            }
          } else {
            channels.objects[event.process, default: []].insert(object)
          }
        }
      default: break
      }
    }
    return channels
  }

  /// A descriptor's object as both sides call it.
  private static func canonical(_ name: String) -> String {
    let first = String(name.prefix { $0 != " " })
    func pair(_ text: Substring, _ separator: String) -> String {
      text.split(separator: separator).map(String.init).sorted().joined(separator: " ")
    }
    func inside(_ text: String) -> Substring {
      text.drop { $0 != "[" }.dropFirst().prefix { $0 != "]" && $0 != "," }
    }
    if first.hasPrefix("fifo:["), let path = name.split(separator: " ").last { return String(path) }
    if first.hasPrefix("mqueue:["), let path = name.split(separator: " ").dropFirst().first {
      return String(path)
    }
    if first.hasPrefix("unix:[") { return "unix " + pair(inside(first), "-") }
    if first.hasPrefix("UNIX") { return "unix " + pair(inside(name), "->") }
    if first.hasPrefix("tcp:[") { return "tcp " + pair(name.dropFirst(5).prefix { $0 != "]" }, "-") }
    if first.hasPrefix("TCP:[") { return "tcp " + pair(name.dropFirst(5).prefix { $0 != "]" }, "->") }
    if first.hasPrefix("eventfd:[") || first.contains("eventfd") { return "eventfd" }
    if first.hasPrefix("memfd:") || first.contains("/memfd:swift-ipc") { return "memfd" }
    return first
  }

  // MARK: The trace

  private mutating func record(_ events: [TraceEvent], _ channels: Channels) {
    var names: [Int32: [Int32: String]] = [:]
    var phases: [Int32: Int] = [:]
    struct Thread: Hashable {
      let process: Int32
      let thread: UInt32
    }
    var begun: [Thread: (place: Place, index: Int)] = [:]
    for event in events {
      let process = event.process
      let thread = Thread(process: process, thread: event.thread)
      switch event.content {
      case .descriptor(let number, let object):
        let name = Self.canonical(object)
        names[process, default: [:]][number] = name
        if name.hasPrefix("/") { recorded[Place(process: process, object: "\(name) as \(number)")] = nil }
      case .note: phases[process, default: 0] += 1
      case .callBegins(let call):
        begun[thread] = nil
        if call.name == "rt_tgsigqueueinfo" { recordedSignals[process, default: 0] += 1 }
        guard let object = Self.object(call, names[process] ?? [:], channels.memory[process] ?? []) else {
          continue
        }
        if call.name == "close", case .descriptor(let number) = call.subject { names[process]?[number] = nil }
        guard object == "memory" || channels.objects[process]?.contains(object) == true,
          !Self.library.contains(call.name), Self.isCompared(call.name, object)
        else { continue }
        let place = Place(process: process, object: object)
        let name = Self.kernelNames[call.name] ?? call.name
        recorded[place, default: []].append("phase \(phases[process] ?? 0): \(name)")
        begun[thread] = (place, recorded[place]!.count - 1)
      case .callEnds(_, let result, let errno, _):
        guard let (place, index) = begun.removeValue(forKey: thread) else { continue }
        recorded[place]![index] += errno == 0 ? " = \(result)" : " = \(SystemError.text(errno))"
      default: break
      }
    }
  }

  private static func isCompared(_ name: String, _ object: String) -> Bool {
    if object.hasPrefix("unix ") || object.hasPrefix("tcp ") { return ofSockets.contains(name) }
    return !questions.contains(name)
  }

  private static func object(
    _ call: TraceEvent.Call, _ names: [Int32: String], _ memory: [Range<UInt64>]
  ) -> String? {
    switch call.subject {
    case .none, .process: return nil
    case .descriptor(let number): return names[number].map { "\($0) as \(number)" }
    case .queue(let id): return "queue:\(id)"
    case .semaphores(let id): return "semaphores:\(id)"
    case .segment(let id): return "segment:\(id)"
    case .word(let address, _): return memory.contains { $0.contains(address) } ? "memory" : nil
    }
  }

  // MARK: strace

  private mutating func see(_ calls: [StraceCall], _ channels: Channels, _ processes: Set<Int32>) {
    var leaders: [Int32: Int32] = [:]
    for call in calls
    where ["clone", "clone3"].contains(call.name) && call.arguments.contains("CLONE_THREAD") {
      if let child = call.returned.map({ Int32(clamping: $0) }) { leaders[child] = call.thread }
    }
    func leader(_ thread: Int32) -> Int32 {
      var thread = thread
      while let next = leaders[thread], next != thread { thread = next }
      return thread
    }
    // What a process does before it is this program is posix_spawn(3)'s.
    var programBegins: [Int32: Int] = [:]
    for call in calls where call.name == "execve" && call.returned == 0 {
      programBegins[call.thread] = call.line
    }
    var phases: [Int32: Int] = [:]
    for call in calls {
      let process = leader(call.thread)
      guard processes.contains(process), call.line > programBegins[process] ?? 0 else { continue }
      if call.name == "write", call.arguments.hasPrefix("1<"),
        call.strings.first?.contains(" \(process)  ") == true
      {
        // Several lines at once are several phases; the note is recorded before the line is written.
        phases[process, default: 0] += 1
        continue
      }
      // A FIFO that is opened anew: what was done on it before may be the demo's own.
      if call.name == "openat", let made = call.resultDescriptors.first {
        seen[Place(process: process, object: "\(Self.canonical(made.name)) as \(made.number)")] = nil
      }
      if call.name == "rt_tgsigqueueinfo" { seenSignals[process, default: 0] += 1 }
      guard let object = Self.object(call, channels.memory[process] ?? []),
        object == "memory" || channels.objects[process]?.contains(object) == true,
        Self.isCompared(call.name, object)
      else { continue }
      let name = StracePhases.listedName(of: call)
      let place = Place(process: process, object: object)
      seen[place, default: []].append("phase \(phases[process] ?? 0): \(name)\(Self.result(call))")
    }
  }

  private static func object(_ call: StraceCall, _ memory: [Range<UInt64>]) -> String? {
    let first = String(call.arguments.prefix { $0 != "," })
    switch call.name {
    case "msgsnd", "msgrcv", "msgctl": return "queue:\(first)"
    case "semop", "semtimedop", "semctl": return "semaphores:\(first)"
    case "shmat", "shmctl": return "segment:\(first)"
    case "futex":
      guard first.hasPrefix("0x"), let address = UInt64(first.dropFirst(2), radix: 16) else { return nil }
      return memory.contains { $0.contains(address) } ? "memory" : nil
    // They make what they return.
    case "pipe2", "socketpair": return nil
    default:
      let descriptors = call.descriptors
      // epoll_ctl(2) works on its second descriptor; mmap(2) has its only one at the end.
      guard let descriptor = call.name == "epoll_ctl" ? descriptors.last : descriptors.first else {
        return nil
      }
      return "\(canonical(descriptor.name)) as \(descriptor.number)"
    }
  }

  private static func result(_ call: StraceCall) -> String {
    guard let result = call.result, !result.hasPrefix("?") else { return "" }
    if result.hasPrefix("-1 ") {
      return " = " + result.drop { $0 != "(" }.dropFirst().prefix { $0 != ")" }
    }
    return call.returned.map { " = \($0)" } ?? ""
  }
}
