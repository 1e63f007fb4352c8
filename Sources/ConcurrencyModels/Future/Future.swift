/// What a coroutine can wait for: something that calls back when it is there.
public protocol Awaitable: AnyObject {
  /// Whether waiting is over.
  var isDone: Bool { get }
  /// Calls back once, when it is done; at once if it is.
  func whenDone(_ callback: @escaping () -> Void)
}

/// A result that isn't there yet, and who wants to hear of it.
///
/// Belongs to one thread, as the callbacks of an event loop do. System calls: none.
public final class Future<Value>: Awaitable {
  /// The value or the error, once it is there; it never changes then.
  public private(set) var result: Result<Value, any Error>?
  private var callbacks: [() -> Void] = []

  /// A future that isn't done.
  public init() {}

  /// Whether it has its result.
  public var isDone: Bool { result != nil }

  /// Gives it its result, and calls back everybody who waits, in the order in which they came; inside of another
  /// future's callback, when that has returned.
  /// - Returns: false when it had one: that one stays.
  @discardableResult
  public func resolve(_ result: Result<Value, any Error>) -> Bool {
    guard self.result == nil else { return false }
    self.result = result
    let waiting = callbacks
    callbacks = []
    ReadyCallbacks.call(waiting)
    return true
  }

  /// Gives it its value. False when it had a result.
  @discardableResult
  public func succeed(_ value: Value) -> Bool { resolve(.success(value)) }

  /// Gives it an error. False when it had a result.
  @discardableResult
  public func fail(_ error: any Error) -> Bool { resolve(.failure(error)) }

  /// Calls back once, when the result is there; at once if it is.
  public func whenDone(_ callback: @escaping () -> Void) {
    if isDone { callback() } else { callbacks.append(callback) }
  }
}

/// A generator that yields what it waits for: a coroutine as it was written before async and await.
public typealias Coroutine<Value> = Generator<any Awaitable, Never, Value>

/// The way of a coroutine's function to what steps it.
public typealias CoroutineContext = Yielder<any Awaitable, Never>

extension Yielder where Yield == any Awaitable, Send == Never {
  /// Waits for a future and returns its value: Python's `yield from future`.
  /// - Throws: the future's error; what the task throws in, such as `CancellationError`.
  public nonisolated(nonsending) func wait<Value>(for future: Future<Value>) async throws -> Value {
    while true {
      if let result = future.result { return try result.get() }
      try await self.yield(future)
    }
  }

  /// Runs another coroutine to its end, in this one's place: Python's `yield from coroutine`.
  public nonisolated(nonsending) func wait<Value>(for other: Coroutine<Value>) async throws -> Value {
    try await self.yield(from: other)
  }
}
