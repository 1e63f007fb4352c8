import Foundation
import Glibc
import Synchronization
import SystemCalls
import TestSupport
import Testing

/// `ipc` as a process of its own, which writes its output to files: no thread has to read it while it runs.
final class Tool {
  struct Result {
    /// The exit code; nil: a signal ended it.
    let code: Int32?
    let output: String
    let errors: String

    /// What it said on standard error, line by line.
    var errorLines: [Substring] { errors.split(separator: "\n") }
  }

  /// No run of the tool may take longer.
  private static let longest = 60.0

  /// `ipc`, which stands beside the test program.
  static let path: String = {
    let mine = Processes.executable
    return String(mine[..<mine.lastIndex(of: "/")!]) + "/ipc"
  }()

  private let process = Process()
  private let folder: Folder
  private let deadline: TestDeadline
  var id: Int32 { process.processIdentifier }
  /// Where this process keeps its records.
  let records: String

  /// - Parameter environment: what differs from this process's.
  init(_ arguments: [String], program: String = Tool.path, environment: [String: String] = [:]) throws {
    folder = try Folder()
    deadline = TestDeadline(seconds: Self.longest)
    records = folder.path + "/records"
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = arguments
    var variables = ProcessInfo.processInfo.environment
    variables["COLUMNS"] = nil
    variables.merge(["IPC_RUNTIME_DIRECTORY": records, "LC_ALL": "C.UTF-8"]) { $1 }
    variables.merge(environment) { $1 }
    process.environment = variables
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = try folder.handle("output")
    process.standardError = try folder.handle("errors")
    try process.run()
  }

  // A test that failed in the middle leaves nothing running.
  deinit {
    if process.isRunning { kill(id, SIGKILL) }
    process.waitUntilExit()
  }

  var isRunning: Bool { process.isRunning }
  var output: String { folder.text("output") }
  var errors: String { folder.text("errors") }

  func signal(_ number: Int32) { kill(id, number) }

  /// Waits for its end; a process that hangs is killed, and the test fails.
  func wait(at location: SourceLocation = #_sourceLocation) -> Result {
    if !deadline.reached(when: { !process.isRunning }) {
      Issue.record("ipc \(process.arguments ?? []) hangs; it said: \(errors)", sourceLocation: location)
      kill(id, SIGKILL)
    }
    process.waitUntilExit()
    let code = process.terminationReason == .exit ? process.terminationStatus : nil
    return Result(code: code, output: output, errors: errors)
  }

  static func run(_ arguments: [String], at location: SourceLocation = #_sourceLocation) throws -> Result {
    try Tool(arguments).wait(at: location)
  }

  static func run(_ arguments: String..., at location: SourceLocation = #_sourceLocation) throws -> Result {
    try Tool(arguments).wait(at: location)
  }
}

/// Bounded waiting for something that has no event to wait for.
struct TestDeadline {
  private let end: UInt64

  init(seconds: Double) { end = Clock.now() + UInt64(seconds * 1e9) }

  /// Whether it became true in time.
  func reached(when isTrue: () -> Bool) -> Bool {
    while !isTrue() {
      if Clock.now() > end { return false }
      Clock.sleep(nanoseconds: 5_000_000)
    }
    return true
  }
}

func eventually(within seconds: Double = 30, _ isTrue: () -> Bool) -> Bool {
  TestDeadline(seconds: seconds).reached(when: isTrue)
}
