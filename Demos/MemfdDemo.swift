import FoundationEssentials
import Glibc
import IPC

/// Memory behind a descriptor (memfd_create(2)): shared memory without a name, which seals make trustworthy.
///
/// What a memfd adds: it goes with the last process that has it, and a seal promises a reader that no process shrinks it, or
/// writes to it, any more.
enum MemfdDemo: Demo {
  static let name = "memfd"
  static let summary = "memory without a name, sealed so that no process can change it any more"

  // Of fcntl(2) and memfd_create(2): glibc declares them for C with _GNU_SOURCE.
  private static let addSeals: Int32 = 1033
  private static let sealShrink: Int32 = 2, sealWrite: Int32 = 8
  private static let allowSealing: UInt32 = 2

  private static let memfdCreate = unsafe libc(
    "memfd_create", as: (@convention(c) (UnsafePointer<CChar>, UInt32) -> Int32).self)

  static func run() throws {
    let memory = unsafe memfdCreate("ipc-demo", allowSealing)
    guard memory >= 0 else { return say("parent", "memfd_create(2) failed: errno \(errno)") }
    let text = "written once"
    _ = unsafe write(memory, text, text.utf8.count)
    let path = "/proc/self/fd/\(memory)"
    say(
      "parent",
      "memfd_create(2) made memory: \(path) leads to \(target(path)), since it has no name in a folder")
    say("parent", "write(2) of \"\(text)\"")
    _ = fcntl(memory, addSeals, sealShrink)
    say(
      "parent",
      "fcntl(2), F_ADD_SEALS, F_SEAL_SHRINK; then ftruncate(2) to 2 bytes: \(result(ftruncate(memory, 2)))")
    _ = fcntl(memory, addSeals, sealWrite)
    say(
      "parent",
      "fcntl(2), F_ADD_SEALS, F_SEAL_WRITE; then write(2): \(result(Int32(unsafe write(memory, "x", 1))))")

    // The other process opens it through this one, which closes it then.
    var opened = try Channel<String>(over: .pipe)
    var closed = try Channel<String>(over: .pipe)
    var child = try ChildProcess.spawn(arguments: arguments("/proc/\(getpid())/fd/\(memory)")) {
      try $0.pass(&opened.sender, as: "opened")
      try $0.pass(&closed.receiver, as: "closed")
    }
    _ = try opened.receiver.receive(within: .seconds(10))
    close(memory)
    say("parent", "close(2): process \(child.id) alone has the memory now")
    try closed.sender.close()
    _ = try child.wait()
    say("parent", "that process has ended, and the memory with it: nothing is left to remove")

    // A channel's ring in such memory: sealed against shrinking, so that a peer can't make an access fail.
    var channel = try Channel<String>(at: "memfd:")
    try channel.sender.send("through a ring in a memfd")
    say("parent", "got \"\(try channel.receiver.receive())\"")
  }

  static func other(_ path: String) throws {
    var opened = try Sender<String>(inherited: "opened")
    var closed = try Receiver<String>(inherited: "closed")
    let memory = unsafe open(path, O_RDONLY)
    guard memory >= 0 else { throw CallFailure("open(2) \(path)") }
    defer { close(memory) }
    say("  child", "open(2) of \(path)")
    try opened.send("opened")
    while try closed.next() != nil {}

    var bytes = [UInt8](repeating: 0, count: 100)
    let count = unsafe pread(memory, &bytes, bytes.count, 0)
    say("  child", "pread(2): \"\(String(decoding: bytes[..<max(0, count)], as: UTF8.self))\"")
  }

  /// What a symbolic link leads to: readlink(2).
  private static func target(_ path: String) -> String {
    (try? FileManager.default.destinationOfSymbolicLink(atPath: path)) ?? "nothing"
  }

  private static func result(_ value: Int32) -> String {
    value >= 0 ? "done" : errno == EPERM ? "EPERM (\(errorText()))" : errorText()
  }
}
