import Synchronization
import SystemCalls
import TestSupport
import Testing

@testable import ConcurrencyModels

/// Where a test's tasks run. Nothing that a channel promises depends on it.
enum Place: CaseIterable, Sendable {
  /// In parallel, on the threads of the global executor.
  case manyThreads
  /// All on an event loop.
  case oneThread

  /// Runs a test there. Its child tasks go there too, and those that it starts with what it is given.
  func run<Value: Sendable>(
    _ body: @escaping @Sendable (Tasks) async throws -> Value
  ) async throws -> Value {
    guard self == .oneThread else { return try await body(Tasks(loop: nil)) }
    let loop = try EventLoop()
    let tasks = Tasks(loop: loop)
    let task = tasks.start {
      defer { loop.stop() }
      return try await body(tasks)
    }
    // A thread of its own: timers need those of the global executor.
    try Threads.start(name: "one thread") { try? loop.run() }
    return try await task.value
  }
}

/// Starts tasks in the place of a test.
struct Tasks: Sendable {
  let loop: EventLoop?

  func start<Value: Sendable>(
    _ body: @escaping @Sendable () async throws -> Value
  ) -> Task<Value, any Error> {
    Task(executorPreference: loop) { try await body() }
  }

  /// A task that is cancelled before it does anything.
  func startCancelled<Value: Sendable>(
    _ body: @escaping @Sendable () async throws -> Value
  ) -> Task<Value, any Error> {
    start {
      unsafe withUnsafeCurrentTask { unsafe $0?.cancel() }
      return try await body()
    }
  }
}

/// Yields to the other tasks until a condition holds.
nonisolated(nonsending) func until(
  sourceLocation: SourceLocation = #_sourceLocation, _ condition: () -> Bool
) async {
  for _ in 0..<10_000_000 {
    if condition() { return }
    await Task.yield()
  }
  Issue.record("it never came to that", sourceLocation: sourceLocation)
}

/// What tasks of several threads append to.
final class Log<Entry: Sendable>: Sendable {
  private let contents = Locked<[Entry]>([])

  func add(_ entry: Entry) { contents.withLock { $0.append(entry) } }
  var entries: [Entry] { contents.withLock { $0 } }
  var count: Int { contents.withLock { $0.count } }
}

/// Something of which a test looks whether it is still there.
final class Token: Sendable {}

extension LocalChannel {
  /// How many stand in line and can still be served.
  var waitingSenders: Int { lock.with { unsafe state.pointee.senders.waiting } }
  var waitingReceivers: Int { lock.with { unsafe state.pointee.receivers.waiting } }

  /// The places of both wait queues, those that were claimed elsewhere included.
  var placesInLine: Int {
    lock.with { unsafe state.pointee.senders.slots.count + state.pointee.receivers.slots.count }
  }

  /// The value that can be taken at once.
  var valueAtOnce: Value? {
    if case .value(let value) = tryReceive() { return value }
    return nil
  }
}

extension WaitQueue {
  fileprivate var slots: [AnyChannelSlot] {
    var all: [AnyChannelSlot] = []
    var slot = unsafe first
    while let one = slot {
      all.append(one)
      slot = unsafe one.next
    }
    return all
  }

  fileprivate var waiting: Int { slots.count { !($0.shared ?? $0).isClaimed } }
}

extension Received {
  var isNothing: Bool {
    if case .nothing = self { return true }
    return false
  }

  var isClosed: Bool {
    if case .closed = self { return true }
    return false
  }
}
