import CSystem
import Glibc

/// What the kernel says of other processes: /proc (proc(5)).
package enum ProcessFiles {
  package struct Status: Sendable {
    /// The name of the program, of up to 15 bytes (comm): any bytes.
    package let command: String
    /// The effective user.
    package let user: UInt32
    /// When it began: seconds of CLOCK_REALTIME.
    package let started: Int
    /// It has ended and waits for its parent.
    package let isZombie: Bool
    /// A thread of the kernel's own.
    package let isKernel: Bool
  }

  package struct OpenFile: Sendable {
    package let number: Int32
    /// What the link shows: a path, `pipe:[INODE]`, `socket:[INODE]`.
    package let target: String
    package let access: Files.Access
    package let kind: Files.Kind
    package let device: UInt64
    package let inode: UInt64
  }

  /// A thread and the call that it is blocked in.
  package struct Call: Sendable {
    package let thread: Int32
    /// The name of the call, or its number.
    package let name: String
    /// Its first argument: of most calls a descriptor, or an id.
    package let argument: Int
  }

  /// The processes of this process's PID namespace, in the order of their ids.
  package static func ids() -> [Int32] {
    ((try? Files.names(in: "/proc")) ?? []).compactMap { Int32($0) }.sorted()
  }

  /// PF_KTHREAD of the kernel's sched.h, as field 9 of /proc/PID/stat shows it.
  private static let kernelFlag = 0x0020_0000

  /// - Returns: Nil where there is no such process.
  package static func status(_ process: Int32) -> Status? {
    let directory = "/proc/\(process)"
    guard let text = try? Files.readText(directory + "/stat"), let close = text.lastIndex(of: ")"),
      let open = text.firstIndex(of: "("), open < close, let user = user(process)
    else { return nil }
    // After the name, which may contain anything: the state is field 3, the flags 9, the start 22.
    let fields = text[text.index(after: close)...].split(separator: " ")
    guard fields.count > 19, let flags = Int(fields[6]), let ticks = Int(fields[19]) else { return nil }
    return Status(
      command: String(text[text.index(after: open)..<close]), user: user,
      started: bootTime + ticks / ticksPerSecond, isZombie: fields[0] == "Z" || fields[0] == "X",
      isKernel: flags & kernelFlag != 0)
  }

  /// The line of /proc/PID/status: the directory's owner is root where the process may not be looked at.
  private static func user(_ process: Int32) -> UInt32? {
    guard let text = try? Files.readText("/proc/\(process)/status"),
      let line = text.split(separator: "\n").first(where: { $0.hasPrefix("Uid:") })
    else { return nil }
    let numbers = line.split(whereSeparator: { $0 == "\t" || $0 == " " }).dropFirst()
    return numbers.dropFirst().first.flatMap { UInt32($0) }
  }

  private static let ticksPerSecond = max(1, sysconf(Int32(_SC_CLK_TCK)))

  /// The instant at which the machine started, in seconds of CLOCK_REALTIME.
  private static let bootTime: Int = {
    var sinceBoot = timespec()
    unsafe clock_gettime(CLOCK_BOOTTIME, &sinceBoot)
    return Int(Clock.realtime() / 1_000_000_000) - sinceBoot.tv_sec
  }()

  /// What a process was called with; empty where it isn't shown.
  package static func arguments(_ process: Int32) -> [String] {
    ((try? Files.readText("/proc/\(process)/cmdline")) ?? "").split(separator: "\0").map(String.init)
  }

  /// The inode of the process's IPC namespace; nil where it may not be looked at.
  package static func ipcNamespace(_ process: Int32) -> UInt64? {
    (try? Files.stat("/proc/\(process)/ns/ipc", followsLink: true))?.inode
  }

  /// The descriptors of a process.
  /// - Throws: EACCES where the process is another user's, ENOENT where there is none.
  package static func openFiles(_ process: Int32) throws(SystemError) -> [OpenFile] {
    let directory = "/proc/\(process)"
    return try Files.names(in: directory + "/fd").compactMap { name in
      // Closed meanwhile, if it can't be read.
      guard let number = Int32(name), let target = Files.link("\(directory)/fd/\(name)"),
        let status = try? Files.stat("\(directory)/fd/\(name)", followsLink: true)
      else { return nil }
      return OpenFile(
        number: number, target: target, access: access(process, name), kind: status.kind,
        device: status.device, inode: status.inode)
    }.sorted { $0.number < $1.number }
  }

  /// The flags of open(2), in octal.
  private static func access(_ process: Int32, _ number: String) -> Files.Access {
    let text = (try? Files.readText("/proc/\(process)/fdinfo/\(number)")) ?? ""
    let line = text.split(separator: "\n").first { $0.hasPrefix("flags:") }
    let word = line?.split(whereSeparator: { $0 == "\t" || $0 == " " }).last ?? ""
    switch (Int32(word, radix: 8) ?? O_RDWR) & O_ACCMODE {
    case O_RDONLY: return .read
    case O_WRONLY: return .write
    default: return .readWrite
    }
  }

  /// The ids of the System V segments that a process has attached, in its IPC namespace.
  /// - Throws: EACCES where the process is another user's.
  package static func attachedSegments(_ process: Int32) throws(SystemError) -> Set<Int32> {
    var found: Set<Int32> = []
    for line in try Files.readText("/proc/\(process)/maps").split(separator: "\n") {
      // The inode of such a mapping is the segment's id, and its path begins with its key.
      let words = line.split(separator: " ")
      guard words.count > 5, words[5].hasPrefix("/SYSV"), let id = Int32(words[4]) else { continue }
      found.insert(id)
    }
    return found
  }

  /// In which calls the threads of a process are blocked, its first thread before the others. None where it may not be looked
  /// at (ptrace(2) decides).
  package static func calls(_ process: Int32) -> [Call] {
    let threads = ((try? Files.names(in: "/proc/\(process)/task")) ?? []).compactMap { Int32($0) }.sorted()
    return threads.compactMap { thread in
      // `running`, or the number and the arguments; -1: blocked outside a call.
      guard let text = try? Files.readText("/proc/\(process)/task/\(thread)/syscall") else { return nil }
      let words = text.split(whereSeparator: { $0 == " " || $0 == "\n" })
      guard words.count > 1, let number = Int(words[0]), number >= 0 else { return nil }
      return Call(
        thread: thread, name: name(ofCall: number),
        argument: UInt64(words[1].dropFirst(2), radix: 16).map { Int(truncatingIfNeeded: $0) } ?? 0)
    }
  }

  private static func name(ofCall number: Int) -> String {
    guard let name = unsafe csystem_call_name(number) else { return "call \(number)" }
    return unsafe String(cString: name)
  }
}

/// The users that the machine knows (passwd(5)).
package enum Users {
  private static let capacity = 16384

  /// getpwuid_r(3): the name of a user; nil if it has none.
  package static func name(_ user: UInt32) -> String? {
    var entry = unsafe passwd()
    var found: UnsafeMutablePointer<passwd>?
    var buffer = [CChar](repeating: 0, count: capacity)
    let result = unsafe getpwuid_r(user, &entry, &buffer, buffer.count, &found)
    guard result == 0, unsafe found != nil, let name = unsafe entry.pw_name else { return nil }
    return unsafe String(cString: name)
  }
}
