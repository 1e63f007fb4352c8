import Benchmarking
import IPC

/// Why a command ends without success: one line, and an exit code.
struct Failure: Error {
  enum Kind: Int32 {
    /// The work failed.
    case work = 1
    /// The call was wrong.
    case call = 2
    case interrupted = 130
  }

  let kind: Kind
  let message: String
  /// The exit code, where it isn't the kind's.
  var exitCode: Int32?

  static func call(_ message: String) -> Failure { Failure(kind: .call, message: message) }
  static func work(_ message: String) -> Failure { Failure(kind: .work, message: message) }
  static let interrupted = Failure(kind: .interrupted, message: "")

  /// What to do about a word that isn't among these: `unknown model "Threads": did you mean threads? Choose from …`.
  static func unknown(_ what: String, _ word: some StringProtocol, _ names: [String]) -> Failure {
    call(Suggestion.unknown(what, word, among: names))
  }
}

extension Failure {
  init(_ error: BenchmarkError) {
    switch error.kind {
    case .call: self = .call(error.description)
    case .work: self = .work(error.description)
    case .interrupted: self = .interrupted
    }
  }
}
