/// A function that can be paused and resumed from outside: it hands values out with `yield`, and may be given values,
/// or errors, where it waits.
///
/// ```swift
/// let averages = Generator<Double, Double, Int> { caller in
///   var (sum, count) = (0.0, 0)
///   while let value = try await caller.yield(count == 0 ? 0 : sum / Double(count)) {
///     sum += value
///     count += 1
///   }
///   return count
/// }
/// try averages.next()        // 0.0: runs to the first yield
/// try averages.send(10)      // 10.0
/// try averages.send(20)      // 15.0
/// try averages.next()        // nil: it has ended
/// averages.result            // 2
/// ```
///
/// The rules are those of Python's PEP 342 and PEP 380, which is where most people have met them; what differs: the end
/// is told by nil instead of an exception, and what `next()` sends arrives as nil.
///
/// The function runs on the caller's thread, inside of `next()` and the others, and only there: an async function that
/// an executor of the generator's own steps from one `yield` to the next. There is no thread and no queue behind it; a
/// step is a few function calls. It may await nothing but `yield` (see ``GeneratorError/Code/waitsElsewhere``).
///
/// A generator belongs to one thread at a time, and one that was made on an actor to that actor. One that is let go before its end is closed: its `defer`s run.
///
/// System calls: none.
public final class Generator<Yield, Send, Return> {
  @usableFromInline let stepper: Stepper
  @usableFromInline let exchange: GeneratorExchange<Yield, Send>
  @usableFromInline let outcome = GeneratorOutcome<Return>()

  /// Makes a generator; nothing of the function runs before the first `next()`.
  ///
  /// - Parameters:
  ///   - isolation: where it is made, and used: what `body` may touch without waiting.
  ///   - body: the function: it yields through its argument, and what it returns ends the generator.
  @inlinable public init(
    isolation: (any Actor)? = #isolation, _ body: @escaping (Yielder<Yield, Send>) async throws -> Return
  ) {
    stepper = Stepper(isolation: isolation)
    exchange = GeneratorExchange(stepper)
    let (exchange, outcome) = (exchange, outcome)
    stepper.prepare {
      do {
        outcome.value = try await body(Yielder(exchange))
      } catch {
        outcome.error = error
      }
    }
  }

  deinit { stepper.abandon() }

  /// What the function returned; nil while it hasn't.
  @inlinable public var result: Return? { stepper.waitsElsewhere ? nil : outcome.value }

  /// What ended an iteration with `for in`, which can't throw.
  public private(set) var failure: (any Error)?

  /// Whether the function has ended, in whichever way.
  public var hasEnded: Bool { stepper.phase == .ended }

  /// Runs to the next `yield` and returns its value; nil when the function has returned (``result`` then has its
  /// value), now or earlier. The `yield` where it waited returns nil.
  /// - Throws: what the function throws; `alreadyRunning`, `waitsElsewhere`.
  @inlinable public func next() throws -> Yield? { try taken(try stepper.step()) }

  /// The same, and the `yield` where the function waits returns this value; nil: as ``next()``.
  /// - Throws: what the function throws; `notStarted` before the first `next()`; `alreadyRunning`, `waitsElsewhere`.
  @inlinable public func send(_ value: Send?) throws -> Yield? {
    // One that can't be resumed keeps what it has.
    if stepper.phase == .paused { exchange.sent = value }
    return try taken(try stepper.step(isSending: value != nil))
  }

  /// The same, and the `yield` where the function waits throws this error. In a generator that hasn't started, or has
  /// ended, it is thrown right back.
  @inlinable public func `throw`(_ error: any Error) throws -> Yield? {
    try taken(try stepper.step(throwing: error))
  }

  @inlinable func taken(_ hasYielded: Bool) throws -> Yield? {
    if hasYielded { return exchange.yielded.take() }
    guard !stepper.waitsElsewhere, let error = outcome.error else { return nil }
    outcome.error = nil
    throw error
  }

  /// Asks the function to end: the `yield` where it waits throws ``GeneratorExit``. Nothing happens to one that has
  /// ended; one that hasn't started never will.
  /// - Throws: `ignoredExit` when the function yields again; what else it throws instead of ending.
  public func close() throws {
    guard stepper.needsExit() else { return }
    do {
      if try self.throw(GeneratorExit()) != nil { throw GeneratorError(.ignoredExit) }
    } catch is GeneratorExit {
      // As asked.
    }
  }
}

/// `for value in generator`: the values to the end. An error ends the loop, and is then in ``Generator/failure``.
extension Generator: Sequence {
  /// Steps the generator.
  public struct Iterator: IteratorProtocol {
    fileprivate let generator: Generator

    /// The next value; nil: it has ended, or thrown.
    public mutating func next() -> Yield? {
      do {
        return try generator.next()
      } catch {
        generator.failure = error
        return nil
      }
    }
  }

  /// Goes on where the generator stands.
  public func makeIterator() -> Iterator { Iterator(generator: self) }
}
