/// What a generator's function hands values to its caller with.
public struct Yielder<Yield, Send> {
  @usableFromInline let exchange: GeneratorExchange<Yield, Send>

  @inlinable init(_ exchange: GeneratorExchange<Yield, Send>) { self.exchange = exchange }

  /// Hands a value to the caller and waits until the caller resumes the generator.
  /// - Returns: the value that was sent; nil when the caller called `next()`.
  /// - Throws: the error that the caller threw in; ``GeneratorExit`` when the function is to end; `notInside`.
  @discardableResult
  @inlinable nonisolated(nonsending) public func yield(_ value: Yield) async throws -> Send? {
    try exchange.stepper.enter()
    exchange.yielded = value
    try await exchange.stepper.wait()
    return exchange.sent.take()
  }

  /// Delegates: what the other generator yields goes to the caller as if it were yielded here; what the caller
  /// sends, throws and closes goes to the other. PEP 380.
  /// - Returns: what the other returned.
  /// - Throws: what the other throws; `hasEnded` if it had ended before, without a value.
  @discardableResult
  @inlinable nonisolated(nonsending) public func yield<Return>(
    from other: Generator<Yield, Send, Return>
  ) async throws -> Return {
    try await delegate(to: other) { try other.send($0) }
  }

  /// Delegates to a generator that takes values of another type, or none: what the caller sends is dropped.
  @discardableResult
  @inlinable nonisolated(nonsending) public func yield<Other, Return>(
    from other: Generator<Yield, Other, Return>
  ) async throws -> Return {
    try await delegate(to: other) { _ in try other.next() }
  }

  @inlinable nonisolated(nonsending) func delegate<Other, Return>(
    to other: Generator<Yield, Other, Return>, _ resume: (Send?) throws -> Yield?
  ) async throws -> Return {
    var next = try other.next()
    while let value = next {
      let sent: Send?
      do {
        sent = try await yield(value)
      } catch let exit as GeneratorExit {
        // Closes the other first; an error that it throws replaces the exit.
        try other.close()
        throw exit
      } catch {
        next = try other.throw(error)
        continue
      }
      next = try resume(sent)
    }
    guard let result = other.result else { throw GeneratorError(.hasEnded) }
    return result
  }

  /// Hands out every value of a sequence. What the caller sends is dropped; what it throws in is thrown here.
  @inlinable nonisolated(nonsending) public func yield(from values: some Sequence<Yield>) async throws {
    for value in values { try await yield(value) }
  }
}

/// The values that a generator's function and its caller exchange.
@usableFromInline final class GeneratorExchange<Yield, Send> {
  @usableFromInline let stepper: Stepper
  @usableFromInline var yielded: Yield?
  @usableFromInline var sent: Send?

  @inlinable init(_ stepper: Stepper) { self.stepper = stepper }
}

/// How a generator's function ended.
@usableFromInline final class GeneratorOutcome<Return> {
  @usableFromInline var value: Return?
  /// Thrown to the caller once.
  @usableFromInline var error: (any Error)?

  @inlinable init() {}
}
