/// Thrown into a generator's function where it waits, to ask it to end: by ``Generator/close()``, and when the last
/// reference to the generator goes. Let it pass; catch it only to clean up, and throw it on. Python's `GeneratorExit`.
public struct GeneratorExit: Error, Hashable, Sendable {
  /// An exit.
  public init() {}
}

/// A generator was used in a way that it can't serve.
public struct GeneratorError: Error, Hashable, Sendable, CustomStringConvertible {
  /// What was wrong.
  public enum Code: Hashable, Sendable {
    /// It was resumed from within its own function.
    case alreadyRunning
    /// A value was sent before the function had come to its first `yield`, which is where values are received.
    case notStarted
    /// The function yielded again after it had been asked to end.
    case ignoredExit
    /// The function waited for something other than its caller: a sleep, an actor, a stream. It is asked to end.
    case waitsElsewhere
    /// A `yield` outside of the function's own course: from another task, or after its end.
    case notInside
    /// A generator that was delegated to had ended before, without a value to return.
    case hasEnded
  }

  /// What was wrong.
  public let code: Code

  /// An error of this kind.
  public init(_ code: Code) { self.code = code }

  /// What happened, and what to do.
  public var description: String {
    switch code {
    case .alreadyRunning: "the generator is running already: it can't be resumed from within itself"
    case .notStarted: "nothing is waiting for a value yet: call next() first, then send(_:)"
    case .ignoredExit: "the generator's function yielded after it was asked to end: let GeneratorExit pass"
    case .waitsElsewhere:
      "the generator's function waited for something other than its caller: only yield may be awaited in it"
    case .notInside: "yield was called from outside of the generator's function, or after its end"
    case .hasEnded: "the generator that was delegated to had already ended without a value to return"
    }
  }
}
