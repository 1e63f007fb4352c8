import Foundation
import Glibc
import SystemCalls
import TestSupport

/// A program that runs to its end, in a process group of its own, with its output in files.
struct Program {
  struct Result {
    /// How it ended: "exit code 0", "signal 9", "killed: …".
    let end: String
    let output: String
    let errors: String

    var succeeded: Bool { end == Self.success }
    fileprivate static let success = "exit code 0"
  }

  /// Runs a program; one that takes longer is killed, with the processes of its group.
  static func run(_ path: String, _ arguments: [String] = [], within seconds: UInt64) throws -> Result {
    let folder = try Folder()
    let process = Process()
    process.executableURL = URL(fileURLWithPath: path)
    process.arguments = arguments
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = try folder.handle("output")
    process.standardError = try folder.handle("errors")
    let deadline = Clock.now() + seconds * 1_000_000_000
    try process.run()
    let id = process.processIdentifier
    var hangs = false
    while process.isRunning {
      if Clock.now() > deadline || Task.isCancelled {
        hangs = true
        kill(getpgid(id) == id ? -id : id, SIGKILL)
        break
      }
      Clock.sleep(nanoseconds: 5_000_000)
    }
    process.waitUntilExit()
    let status = process.terminationStatus
    let end =
      hangs
      ? "killed: it runs longer than \(seconds) s"
      : process.terminationReason == .exit ? "exit code \(status)" : "signal \(status)"
    return Result(end: end, output: folder.text("output"), errors: folder.text("errors"))
  }
}
