/// A function that its caller pauses and resumes: it hands out values with `yield` and receives values or errors
/// where it waits.
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
/// The rules are those of Python's PEP 342 and PEP 380, with two differences: nil reports the end instead of an
/// exception, and what `next()` sends arrives as nil.
///
/// The function runs on the caller's thread, inside of `next()`, `send(_:)` and `throw(_:)` only: it is an async
/// function that an executor of the generator runs from one `yield` to the next. There is no thread and no queue;
/// a step is a few function calls. The function may await nothing but `yield` (see
/// ``GeneratorError/Code/waitsElsewhere``).
///
/// A generator belongs to one thread at a time; one that was made on an actor belongs to that actor. A generator
/// that is released before its end is closed: its `defer`s run.
///
/// System calls: none. Source: `Sources/ConcurrencyModels/Generator/`.
public final class Generator<Yield, Send, Return> {
  @usableFromInline let stepper: Stepper
  @usableFromInline let exchange: GeneratorExchange<Yield, Send>
  @usableFromInline let outcome = GeneratorOutcome<Return>()

  /// Makes a generator; nothing of the function runs before the first `next()`.
  ///
  /// - Parameters:
  ///   - isolation: the actor on which it is made and used; `body` may use the state of that actor.
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

  /// What the function returned; nil until it has.
  @inlinable public var result: Return? { stepper.waitsElsewhere ? nil : outcome.value }

  /// The error that ended a `for in` loop, which can't throw it.
  public private(set) var failure: (any Error)?

  /// Whether the function has ended: returned, thrown or been closed.
  public var hasEnded: Bool { stepper.phase == .ended }

  /// Runs to the next `yield` and returns its value; nil when the function has returned (``result`` then has its
  /// value), now or earlier. The `yield` where it waits returns nil.
  /// - Throws: what the function throws; `alreadyRunning`, `waitsElsewhere`.
  @inlinable public func next() throws -> Yield? { try taken(try stepper.step()) }

  /// Resumes the function as ``next()`` does; the `yield` where it waits returns this value.
  /// - Throws: what the function throws; `notStarted` before the first `next()`; `alreadyRunning`, `waitsElsewhere`.
  @inlinable public func send(_ value: Send?) throws -> Yield? {
    // A generator that can't be resumed keeps the value that was sent before.
    if stepper.phase == .paused { exchange.sent = value }
    return try taken(try stepper.step(isSending: value != nil))
  }

  /// Resumes the function as ``next()`` does; the `yield` where it waits throws this error. A generator that hasn't
  /// started or has ended throws it back at once.
  /// - Throws: what the function throws; `alreadyRunning`, `waitsElsewhere`.
  @inlinable public func `throw`(_ error: any Error) throws -> Yield? {
    try taken(try stepper.step(throwing: error))
  }

  @inlinable func taken(_ hasYielded: Bool) throws -> Yield? {
    if hasYielded { return exchange.yielded.take() }
    guard !stepper.waitsElsewhere, let error = outcome.error else { return nil }
    outcome.error = nil
    throw error
  }

  /// Asks the function to end: the `yield` where it waits throws ``GeneratorExit``. A generator that has ended is
  /// not changed; one that hasn't started ends without running.
  /// - Throws: `ignoredExit` when the function yields again; what else it throws instead of ending.
  public func close() throws {
    guard stepper.needsExit() else { return }
    do {
      if try self.throw(GeneratorExit()) != nil { throw GeneratorError(.ignoredExit) }
    } catch is GeneratorExit {
      // The function has ended as asked.
    }
  }
}

/// `for value in generator` gets the values to the end. An error ends the loop; ``Generator/failure`` has it.
extension Generator: Sequence {
  /// Resumes the generator for each value.
  public struct Iterator: IteratorProtocol {
    fileprivate let generator: Generator

    /// The next value; nil: the function has returned or thrown.
    public mutating func next() -> Yield? {
      do {
        return try generator.next()
      } catch {
        generator.failure = error
        return nil
      }
    }
  }

  /// Continues where the generator waits.
  public func makeIterator() -> Iterator { Iterator(generator: self) }
}
