import ConcurrencyModels
import Dispatch
import SystemCalls

/// One step of a model of concurrency, and how to run many of it.
struct ConcurrencyStep: Sendable {
  let name: String
  /// What one step is.
  let what: String
  /// Runs so many steps, and returns their time, in nanoseconds.
  let run: @Sendable (_ count: Int) throws -> UInt64

  /// Those in one process, those of Swift's runtime alone, then those between two processes.
  static let all = inOneProcess + RuntimeSteps.all + ActorSteps.all

  /// As many tasks at once as a busy program has.
  static let tasksAtOnce = 256

  private static let inOneProcess: [ConcurrencyStep] = [
    ConcurrencyStep(name: "callback", what: "a callSoon on the event loop") { count in
      let loop = try EventLoop()
      var left = count
      func next() {
        left -= 1
        if left == 0 { loop.stop() } else { loop.callSoon(next) }
      }
      loop.callSoon(next)
      return try timed { try loop.run() }
    },
    ConcurrencyStep(name: "generator-send", what: "a value sent to a generator, and one back") { count in
      let generator = Generator<Int, Int, Int> { caller in
        var sum = 0
        while let value = try await caller.yield(sum) { sum &+= value }
        return sum
      }
      _ = try generator.next()
      let took = try timed { for value in 0..<count { _ = try generator.send(value) } }
      _ = try generator.next()
      guard generator.result != nil else { throw BenchmarkError(.work, "the generator didn't return") }
      return took
    },
    ConcurrencyStep(name: "generator-make", what: "a generator made, stepped once and ended") { count in
      try timed {
        for _ in 0..<count {
          let generator = Generator<Int, Never, Void> { caller in try await caller.yield(1) }
          guard try generator.next() == 1, try generator.next() == nil else {
            throw BenchmarkError(.work, "the generator yielded something else")
          }
        }
      }
    },
    ConcurrencyStep(name: "coroutine-wait", what: "a coroutine that waits for a future, and is stepped on") {
      count in
      var pending: Future<Int>?
      let task = CoroutineTask<Int>(
        Coroutine { context in
          var sum = 0
          for _ in 0..<count {
            let future = Future<Int>()
            pending = future
            sum &+= try await context.wait(for: future)
          }
          return sum
        })
      let took = timed {
        for _ in 0..<count { pending.take()?.succeed(1) }
      }
      guard try task.outcome.result?.get() == count else {
        throw BenchmarkError(.work, "the coroutine lost a future")
      }
      return took
    },
    ConcurrencyStep(name: "async-switch", what: "from one task to another, on the event loop") { count in
      try onLoop { loop in
        await withTaskGroup(of: Void.self) { group in
          for _ in 0..<2 {
            group.addTask { for _ in 0..<(count / 2) { await Task.yield() } }
          }
        }
      }
    },
    ConcurrencyStep(name: "channel-round-trip", what: "a value there and one back, unbuffered") { count in
      try onLoop { _ in try await roundTrips(count) }
    },
    ConcurrencyStep(name: "channel-stream", what: "a value through a buffer of 128") { count in
      try onLoop { _ in
        let channel = LocalChannel<Int>(capacity: 128)
        try await withThrowingTaskGroup(of: Void.self) { group in
          group.addTask {
            for value in 0..<count { try await channel.send(value) }
            try channel.close()
          }
          group.addTask {
            var received = 0
            while try await channel.receive() != nil { received += 1 }
            guard received == count else { throw BenchmarkError(.work, "the channel lost a value") }
          }
          try await group.waitForAll()
        }
      }
    },
    ConcurrencyStep(name: "select", what: "a select between two channels that are both ready") { count in
      try onLoop { _ in
        let one = LocalChannel<Int>(capacity: 1)
        let other = LocalChannel<Int>(capacity: 1)
        _ = try one.trySend(0)
        _ = try other.trySend(1)
        for _ in 0..<count {
          let value = try await select {
            Receive(one) { $0 }
            Receive(other) { $0 }
          }
          _ = try (value == 0 ? one : other).trySend(value ?? 0)
        }
      }
    },
    ConcurrencyStep(name: "scheduler-spawn", what: "a task made, run and ended on the scheduler") { count in
      try onScheduler { _ in
        await withTaskGroup(of: Void.self) { group in
          for number in 0..<count {
            if number >= tasksAtOnce { await group.next() }
            group.addTask {}
          }
        }
      }
    },
    ConcurrencyStep(name: "scheduler-round-trip", what: "the unbuffered round trip, on the scheduler") {
      count in
      try onScheduler { _ in try await roundTrips(count) }
    },
    ConcurrencyStep(name: "actor-call", what: "a call of a plain Swift actor's, on the default executor") {
      count in
      let adder = Adder()
      return try waited {
        for value in 0..<count { await adder.add(value) }
      }
    },
  ]

  private actor Adder {
    private var sum = 0
    func add(_ value: Int) { sum &+= value }
  }

  private static func roundTrips(_ count: Int) async throws {
    let there = LocalChannel<Int>()
    let back = LocalChannel<Int>()
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask {
        for value in 0..<count {
          try await there.send(value)
          guard try await back.receive() == value else { throw BenchmarkError(.work, "a value was lost") }
        }
        try there.close()
      }
      group.addTask { while let value = try await there.receive() { try await back.send(value) } }
      try await group.waitForAll()
    }
  }

  private static func timed(_ body: () throws -> Void) rethrows -> UInt64 {
    let start = Clock.now()
    try body()
    return Clock.now() - start
  }

  private static func onLoop(_ body: @escaping @Sendable (EventLoop) async throws -> Void) throws -> UInt64 {
    let loop = try EventLoop()
    return try loop.run {
      let start = Clock.now()
      try await body(loop)
      return Clock.now() - start
    }
  }

  private static func onScheduler(_ body: @escaping @Sendable (Scheduler) async throws -> Void) throws
    -> UInt64
  {
    let scheduler = Scheduler(processors: 1)
    defer { scheduler.close() }
    return try waited(on: scheduler) { try await body(scheduler) }
  }

  /// Runs an async function on an executor, blocks this thread until it has returned, and returns its time.
  private static func waited(
    on executor: (any TaskExecutor)? = nil, _ body: @escaping @Sendable () async throws -> Void
  ) throws -> UInt64 {
    try waiting(on: executor) {
      let start = Clock.now()
      try await body()
      return Clock.now() - start
    }
  }

  /// The same for a function that measures its own time.
  static func waiting(
    on executor: (any TaskExecutor)? = nil, _ body: @escaping @Sendable () async throws -> UInt64
  ) throws -> UInt64 {
    final class End: @unchecked Sendable {
      var result: Result<UInt64, any Error> = .success(0)
      let there = DispatchSemaphore(value: 0)
    }
    let end = End()
    Task(executorPreference: executor) {
      do {
        end.result = .success(try await body())
      } catch {
        end.result = .failure(error)
      }
      end.there.signal()
    }
    end.there.wait()
    return try end.result.get()
  }
}
