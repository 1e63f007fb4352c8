import ConcurrencyModels
import Foundation
import Glibc
import Synchronization

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

// MARK: Cleaning up

/// Calls `body`, and `clean` after it; also when the process is told to end meanwhile (Ctrl-C, SIGTERM, SIGHUP). For
/// what would outlive the process: a System V object, a name in the file system.
///
/// System calls: rt_sigaction(2), pipe(2), and in the signal's handler write(2). A thread calls `clean`, since a handler may
/// make few calls (signal-safety(7)).
func cleaningUp(_ clean: @escaping @Sendable () -> Void, _ body: () throws -> Void) throws {
  Interruption.cleanup.withLock { $0 = clean }
  defer {
    Interruption.cleanup.withLock { cleanup in
      cleanup = nil
      clean()
    }
  }
  try Interruption.start()
  try body()
}

/// The handler of ``cleaningUp(_:_:)``.
private enum Interruption {
  /// What a signal calls before it ends the process; nil: nothing.
  static let cleanup = Mutex<(@Sendable () -> Void)?>(nil)
  /// The pipe into which the handler writes a signal's number, and which the thread reads.
  nonisolated(unsafe) static var pipe: (reading: Int32, writing: Int32) = (-1, -1)

  /// Installs the handler, once.
  static func start() throws {
    guard unsafe pipe.reading < 0 else { return }
    var ends: [Int32] = [-1, -1]
    guard unsafe Glibc.pipe(&ends) == 0 else { throw CallFailure("pipe(2)") }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    unsafe pipe = (ends[0], ends[1])
    Thread.detachNewThread {
      var number: UInt8 = 0
      while unsafe read(pipe.reading, &number, 1) != 1 {}
      // The lock is kept: the main thread doesn't go on.
      cleanup.withLock { cleanup in
        cleanup?()
        _ = signal(Int32(number), SIG_DFL)
        _ = kill(getpid(), Int32(number))
        while true { pause() }
      }
    }
    for number in [SIGINT, SIGTERM, SIGHUP] {
      _ = signal(number) { number in
        var byte = UInt8(truncatingIfNeeded: number)
        _ = unsafe write(Interruption.pipe.writing, &byte, 1)
      }
    }
  }
}

/// A call of the C library that failed, with what errno says.
struct CallFailure: Error, CustomStringConvertible {
  let description: String

  init(_ call: String) { description = "\(call): \(errorText())" }
}

/// What errno says: "Broken pipe".
func errorText() -> String { unsafe String(cString: strerror(errno)) }

// MARK: What the demos of the models share

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

/// A function of the C library that Swift's module Glibc doesn't declare: dlsym(3).
func libc<Function>(_ name: String, as type: Function.Type) -> Function {
  guard let address = unsafe dlsym(nil, name) else { fatalError("the C library has no \(name)") }
  return unsafe unsafeBitCast(address, to: type)
}
