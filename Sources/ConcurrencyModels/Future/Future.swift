/// What a coroutine can wait for: it calls back when it is done.
public protocol Awaitable: AnyObject {
  /// Whether waiting is over.
  var isDone: Bool { get }
  /// Calls back once, when it is done; at once if it is done already.
  func whenDone(_ callback: @escaping () -> Void)
}

/// A result that may not be there yet, and the callbacks that wait for it.
///
/// A future belongs to one thread, as the callbacks of an event loop do. System calls: none.
public final class Future<Value>: Awaitable {
  /// The value or the error; nil until it is resolved. It never changes again.
  public private(set) var result: Result<Value, any Error>?
  private var callbacks: [() -> Void] = []

  /// Makes a future without a result.
  public init() {}

  /// Whether it has its result.
  public var isDone: Bool { result != nil }

  /// Sets the result and calls the waiting callbacks in the order in which they were added. Inside of another
  /// future's callback, they are called when that one has returned.
  /// - Returns: false when it had a result, which stays.
  @discardableResult
  public func resolve(_ result: Result<Value, any Error>) -> Bool {
    guard self.result == nil else { return false }
    self.result = result
    let waiting = callbacks
    callbacks = []
    ReadyCallbacks.call(waiting)
    return true
  }

  /// Sets a value as the result. False when it had a result.
  @discardableResult
  public func succeed(_ value: Value) -> Bool { resolve(.success(value)) }

  /// Sets an error as the result. False when it had a result.
  @discardableResult
  public func fail(_ error: any Error) -> Bool { resolve(.failure(error)) }

  /// Calls back once, when the result is there; at once if it is there already.
  public func whenDone(_ callback: @escaping () -> Void) {
    if isDone { callback() } else { callbacks.append(callback) }
  }
}

/// A generator that yields what it waits for: a coroutine as it was written before async and await.
public typealias Coroutine<Value> = Generator<any Awaitable, Never, Value>

/// What a coroutine's function waits with.
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
