import Glibc
import SystemCalls

/// Runs a program's work, and ends the program with one line where the work throws.
///
/// An error that leaves the top level of `main.swift` ends a program with a trap: its sentence between a stack trace and a
/// register dump. A program that runs in this function prints the sentence alone, behind the program's name, and ends with
/// exit code 1:
///
/// ```swift
/// import IPC
///
/// runProgram {
///   var jobs = try Receiver<String>(at: "fifo:/nope/jobs")
///   while let job = try jobs.next() { print(job) }
/// }
/// // worker: fifo: /nope/jobs: the folder /nope isn't there: make it first
/// ```
///
/// It returns when the work is done; the program goes on, or ends with exit code 0. What the work has opened is closed
/// before, also where it throws. Standard output is flushed before the line is written, so that they keep their order. A
/// standard output or error that is closed, or a pipe without a reader, doesn't change how the program ends.
///
/// System calls: fcntl(2), write(2), exit(3).
///
/// - Parameter work: what the program does. It may throw any error: of a ``ChannelError`` its sentence is printed, of another
///   its description.
public func runProgram(_ work: () throws -> Void) {
  let hasStandardError = Streams.isOpen(standardError)
  do {
    try work()
  } catch {
    endProgram(error, tells: hasStandardError)
  }
}

/// The same with work that waits: `await runProgram { for try await job in jobs.messages { … } }`.
///
/// The work runs where the caller does: at the top level of `main.swift` on the main actor.
///
/// - Parameter work: what the program does. It may throw any error: of a ``ChannelError`` its sentence is printed, of another
///   its description.
public nonisolated(nonsending) func runProgram(
  _ work: nonisolated(nonsending) () async throws -> Void
) async {
  let hasStandardError = Streams.isOpen(standardError)
  do {
    try await work()
  } catch {
    endProgram(error, tells: hasStandardError)
  }
}

private let standardError: Int32 = 2

/// Prints `NAME: SENTENCE` on standard error and ends the program with exit code 1.
///
/// - Parameter tells: whether there was a standard error when the program began. If not, its number may be another file's
///   by now, or a channel's.
private func endProgram(_ error: any Error, tells: Bool) -> Never {
  // Whatever happens to the output, the exit code tells of the error: a pipe without a reader mustn't end the program.
  Streams.ignoreSIGPIPE
  fflush(nil)
  if tells { Streams.write(standardError, "\(programName): \(error)\n") }
  exit(1)
}

/// The last component of the program's path.
private var programName: String {
  let path = CommandLine.arguments.first ?? ""
  let name = path.split(separator: "/").last.map(String.init)
  return name ?? "program"
}
