import ConcurrencyModels
import Glibc
import IPCTrace
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

/// Prints what a process does, after its role and its id: two processes write to the same terminal. A trace has the text, too,
/// beside the calls that follow (`ipc demo NAME --trace`).
func say(_ role: String, _ text: String) {
  Trace.note(text)
  print("\(role) \(getpid())  \(text)")
  // At once, so that the lines of both processes appear in the order in which they were printed.
  fflush(nil)
}

// MARK: Cleaning up

/// Calls `body`, and `clean` after it; also when the process is told to end meanwhile (Ctrl-C, Ctrl-\, SIGTERM, SIGHUP). For
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
  if !DemoSignals.areHandled { try Interruption.start() }
  try body()
}

/// Calls `body`, which a signal doesn't end in the middle: it makes what would outlive the process, and sees to its removal.
func uninterrupted<Result: ~Copyable & Sendable>(_ body: () throws -> Result) rethrows -> Result {
  try Interruption.cleanup.withLock { _ in try body() }
}

/// For a program that handles signals itself.
package enum DemoSignals {
  private static let handled = Atomic<Bool>(false)

  /// Whether it does, and calls ``end(_:)``.
  package static var areHandled: Bool {
    get { handled.load(ordering: .acquiring) }
    set { handled.store(newValue, ordering: .releasing) }
  }

  /// Calls what ``cleaningUp(_:_:)`` has to, and then ends the process.
  package static func end(_ exit: () -> Never) -> Never {
    // The lock is kept: the main thread doesn't go on.
    Interruption.cleanup.withLock { cleanup in
      cleanup?()
      exit()
    }
  }
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
    unsafe pipe = try makePipe()
    try startThread {
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
    for number in [SIGINT, SIGTERM, SIGHUP, SIGQUIT] {
      _ = signal(number) { number in
        var byte = UInt8(truncatingIfNeeded: number)
        _ = unsafe write(Interruption.pipe.writing, &byte, 1)
      }
    }
  }
}

/// A pipe that no child gets: pipe(2).
func makePipe() throws -> (reading: Int32, writing: Int32) {
  var ends: [Int32] = [-1, -1]
  guard unsafe pipe(&ends) == 0 else { throw CallFailure("pipe(2)") }
  for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
  return (ends[0], ends[1])
}

/// Runs `body` on a thread of its own: pthread_create(3).
func startThread(_ body: @escaping @Sendable () -> Void) throws {
  final class Work {
    let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
  }
  let work = unsafe Unmanaged.passRetained(Work(body))
  var thread = pthread_t()
  let number = unsafe pthread_create(
    &thread, nil,
    { argument in
      unsafe Unmanaged<Work>.fromOpaque(argument!).takeRetainedValue().body()
      return nil
    }, work.toOpaque())
  guard number == 0 else {
    unsafe work.release()
    errno = number
    throw CallFailure("pthread_create(3), which ulimit -u and ulimit -v limit")
  }
  pthread_detach(thread)
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
  private let pipe: (reading: Int32, writing: Int32)

  /// Asks. A timer of the loop answers after this many milliseconds.
  init(_ question: String, after milliseconds: UInt64, _ loop: EventLoop) throws {
    self.question = question
    pipe = try makePipe()
    say("asks", "\"\(question)\", whose answer takes \(milliseconds) ms")
    loop.after(milliseconds * 1_000_000) { try self.answer() }
  }

  /// Asks. A thread answers after this many milliseconds.
  init(_ question: String, after milliseconds: UInt64) throws {
    self.question = question
    pipe = try makePipe()
    say("asks", "\"\(question)\", whose answer takes \(milliseconds) ms")
    try startThread { [self] in
      usleep(UInt32(milliseconds) * 1000)
      try? answer()
    }
  }

  deinit {
    close(pipe.reading)
    close(pipe.writing)
  }

  private func answer() throws {
    guard unsafe write(pipe.writing, "!", 1) == 1 else { throw CallFailure("write(2)") }
  }

  /// Waits for the answer on the calling thread: read(2).
  func wait() throws {
    var byte: UInt8 = 0
    guard unsafe read(pipe.reading, &byte, 1) == 1 else { throw CallFailure("read(2)") }
  }

  /// Readable when the answer has arrived.
  var descriptor: Int32 { pipe.reading }

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
