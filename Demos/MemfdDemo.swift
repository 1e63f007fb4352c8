import Glibc
import IPC

/// Memory behind a descriptor (memfd_create(2)): shared memory without a name, which seals make trustworthy.
///
/// What a memfd adds: it goes with the last process that has it, and a seal promises a reader that nobody shrinks it, or
/// writes to it, any more.
enum MemfdDemo: Demo {
  static let name = "memfd"
  static let summary = "memory without a name, sealed so that nobody can change it any more"

  // Of fcntl(2) and memfd_create(2): glibc declares them for C with _GNU_SOURCE.
  private static let addSeals: Int32 = 1033
  private static let sealShrink: Int32 = 2, sealWrite: Int32 = 8
  private static let allowSealing: UInt32 = 2

  private static let memfdCreate = unsafe libc(
    "memfd_create", as: (@convention(c) (UnsafePointer<CChar>, UInt32) -> Int32).self)

  static func run() throws {
    let memory = unsafe memfdCreate("ipc-demo", allowSealing)
    guard memory >= 0 else { return say("parent", "memfd_create(2) failed: errno \(errno)") }
    defer { close(memory) }
    let text = "written once"
    _ = unsafe write(memory, text, text.utf8.count)
    say("parent", "memfd_create(2) made memory without a name in the file system; wrote \"\(text)\"")

    say("parent", "ftruncate(2) to 5 bytes: \(ftruncate(memory, 5) == 0 ? "done" : "refused")")
    _ = fcntl(memory, addSeals, sealShrink)
    say("parent", "sealed against shrinking; ftruncate(2) to 2 bytes: \(result(ftruncate(memory, 2)))")
    _ = fcntl(memory, addSeals, sealWrite)
    say("parent", "sealed against writing; write(2): \(result(Int32(unsafe write(memory, "x", 1))))")

    var child = try ChildProcess.spawn(arguments: arguments("/proc/\(getpid())/fd/\(memory)"))
    _ = try child.wait()

    // A channel's ring in such memory: sealed against shrinking, so that a peer can't make an access fail.
    var channel = try Channel<String>(at: "memfd:")
    try channel.sender.send("through a ring in a memfd")
    say("parent", "got \"\(try channel.receiver.receive())\"")
  }

  static func other(_ path: String) throws {
    let memory = unsafe open(path, O_RDONLY)
    guard memory >= 0 else { return say("  child", "open(2) failed: errno \(errno)") }
    var bytes = [UInt8](repeating: 0, count: 100)
    let count = unsafe pread(memory, &bytes, bytes.count, 0)
    say(
      "  child",
      "opened it through \(path), and reads \"\(String(decoding: bytes[..<max(0, count)], as: UTF8.self))\"")
    close(memory)
  }

  private static func result(_ value: Int32) -> String {
    value >= 0 ? "done" : "refused (errno \(errno), \(unsafe String(cString: strerror(errno))))"
  }
}
