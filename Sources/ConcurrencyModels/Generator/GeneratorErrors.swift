/// Thrown into a generator's function where it waits, to ask it to end: by ``Generator/close()``, and when the last
/// reference to the generator is released. Catch it only to clean up, and throw it again. Python's `GeneratorExit`.
public struct GeneratorExit: Error, Hashable, Sendable {
  /// Makes an exit.
  public init() {}
}

/// A generator was used incorrectly.
public struct GeneratorError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The kind of error.
  public enum Code: Hashable, Sendable {
    /// It was resumed from within its own function.
    case alreadyRunning
    /// A value was sent before the function reached its first `yield`, where values are received.
    case notStarted
    /// The function yielded again after it had been asked to end.
    case ignoredExit
    /// The function waited for something other than its caller: a sleep, an actor, a stream. It is asked to end.
    case waitsElsewhere
    /// `yield` was called from another task, or after the function's end.
    case notInside
    /// The generator to delegate to had ended before, without a value to return.
    case hasEnded
  }

  /// The kind of error.
  public let code: Code

  /// Makes an error of this kind.
  public init(_ code: Code) { self.code = code }

  /// What happened, and what to do.
  public var description: String {
    switch code {
    case .alreadyRunning: "the generator is running: it can't be resumed from within itself"
    case .notStarted: "the generator hasn't started: call next() before send(_:)"
    case .ignoredExit: "the generator's function yielded after it was asked to end: throw GeneratorExit again"
    case .waitsElsewhere:
      "the generator's function waited for something other than its caller: await only yield in it"
    case .notInside:
      "yield was called outside of the generator's function or after its end: call it only in the function"
    case .hasEnded:
      "the generator to delegate to had ended without a value to return: delegate to one that hasn't ended"
    }
  }
}
