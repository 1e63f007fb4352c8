import ConcurrencyModels
import Foundation
import Glibc

/// A demo: a mechanism or a model of concurrency, explained by a run.
///
/// A demo of a mechanism has two processes: `run` is the one that the reader starts, and it starts this program again to
/// run `other`.
package protocol Demo: SendableMetatype {
  /// The name in `ipc demo NAME`.
  static var name: String { get }
  /// The line in the list of demos.
  static var summary: String { get }
  /// What the process does that the reader starts.
  static func run() throws
  /// What the other process does; `role` is the argument that ``arguments(_:)`` was called with.
  static func other(_ role: String) throws
}

extension Demo {
  /// A demo of a model has one process.
  package static func other(_ role: String) throws {}

  /// The arguments with which this program is the demo's other process: of `ipc`, and of a demo that is a program of its
  /// own (``runDemo(_:)``).
  static func arguments(_ role: String) -> [String] { [demoRoleArgument, name, role] }
}

/// The argument with which a program is the other process of a demo.
package let demoRoleArgument = "--demo-role"

/// The main of a program that consists of one demo and this file.
package func runDemo<Chosen: Demo>(_ demo: Chosen.Type) {
  let arguments = CommandLine.arguments.dropFirst()
  do {
    if arguments.starts(with: [demoRoleArgument, demo.name]), let role = arguments.dropFirst(2).first {
      try demo.other(role)
    } else {
      try demo.run()
    }
  } catch {
    print("\(demo.name): \(error)")
    exit(1)
  }
}

/// Prints what a process does, after its role and its id: two processes write to the same terminal.
func say(_ role: String, _ text: String) {
  print("\(role) \(getpid())  \(text)")
  // At once, so that the lines of both processes appear in the order in which they were printed.
  fflush(nil)
}

/// In the demos of the models: a connection whose answer arrives some time after the question. It is a pipe(2).
final class SlowAnswer: Sendable {
  let question: String
  private let pipe = Pipe()

  /// Asks. A timer of the loop answers after this many milliseconds.
  init(_ question: String, after milliseconds: UInt64, _ loop: EventLoop) throws {
    self.question = question
    say("asks", "\"\(question)\", whose answer takes \(milliseconds) ms")
    loop.after(milliseconds * 1_000_000) { try self.answer() }
  }

  /// Asks. A thread answers after this many milliseconds.
  init(_ question: String, after milliseconds: UInt64) throws {
    self.question = question
    say("asks", "\"\(question)\", whose answer takes \(milliseconds) ms")
    Thread.detachNewThread { [self] in
      Thread.sleep(forTimeInterval: Double(milliseconds) / 1000)
      try? answer()
    }
  }

  private func answer() throws { try pipe.fileHandleForWriting.write(contentsOf: [1]) }

  /// Waits for the answer on the calling thread: read(2).
  func wait() throws { _ = try pipe.fileHandleForReading.read(upToCount: 1) }

  /// Readable when the answer has arrived.
  var descriptor: Int32 { pipe.fileHandleForReading.fileDescriptor }

  static let questions: [(question: String, milliseconds: UInt64)] = [
    ("the slow one", 60), ("the quick one", 20), ("the middle one", 40),
  ]
}

/// Counts the milliseconds since it was made.
struct Stopwatch: Sendable {
  private let start = ContinuousClock.now
  var milliseconds: UInt64 { UInt64((ContinuousClock.now - start) / .milliseconds(1)) }
}
