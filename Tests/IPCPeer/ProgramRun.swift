import IPC

/// What a program does that ``runProgram(_:)`` runs, as the tests of it choose.
enum ProgramRun {
  static let role = "program"

  private struct Refusal: Error, CustomStringConvertible {
    let description = "the work was refused"
  }

  /// - Returns: what the program prints when the work is done.
  static func work(_ words: ArraySlice<String>) throws -> String {
    switch words.first {
    case "channel-error": _ = try Receiver<String>(at: "fifo:/nope/jobs")
    case "other-error": throw Refusal()
    case "late-error":
      // Without a newline: it stays in the buffer of standard output until that is flushed.
      print("before", terminator: "")
      throw Refusal()
    case "flood-error":
      // More than a pipe holds: its reader is gone before the end.
      for _ in 0..<10_000 { print("a line of some length, many times") }
      throw Refusal()
    default: break
    }
    return "done"
  }
}
