import ConcurrencyModels
import Synchronization
import SystemCalls
import TestSupport
import Testing

extension AllConcurrencyModelsTests {
  /// Tasks on the threads of a scheduler.
  @Suite(.watched) struct SchedulerTests {
    /// Runs tasks on a scheduler, and closes it when they have ended.
    private func run<Value: Sendable>(
      processors: Int, _ body: @escaping @Sendable (Scheduler) async throws -> Value
    ) async throws -> Value {
      let scheduler = Scheduler(processors: processors)
      let result = await Task(executorPreference: scheduler) { try await body(scheduler) }.result
      scheduler.close()
      #expect(scheduler.snapshot.running + scheduler.snapshot.parked + scheduler.snapshot.blocked == 0)
      return try result.get()
    }

    /// The names of this process's threads.
    private static func threads() -> [String] {
      ((try? Files.names(in: "/proc/self/task")) ?? []).compactMap {
        try? Files.readText("/proc/self/task/\($0)/comm")
      }
    }

    @Test(arguments: [1, 2, 7]) func everyTaskRunsOnce(_ processors: Int) async throws {
      let count = 20_000
      let sum = try await run(processors: processors) { _ in
        await withTaskGroup(of: Int.self) { group in
          for number in 0..<count {
            group.addTask {
              await Task.yield()
              return number
            }
          }
          return await group.reduce(0, +)
        }
      }
      #expect(sum == count * (count - 1) / 2)
    }

    @Test func noMoreRunAtOnceThanThereAreProcessors() async throws {
      let running = Count()
      let most = Count()
      try await run(processors: 3) { _ in
        await withTaskGroup(of: Void.self) { group in
          for _ in 0..<2000 {
            group.addTask {
              let now = running.value.add(1, ordering: .sequentiallyConsistent).newValue
              most.value.max(now, ordering: .sequentiallyConsistent)
              for _ in 0..<100 { CPU.pause() }
              running.value.subtract(1, ordering: .sequentiallyConsistent)
            }
          }
        }
      }
      #expect(most.value.load(ordering: .relaxed) <= 3)
    }

    /// A task that never waits doesn't starve the others where there is a second processor.
    @Test func workIsStolenFromABusyProcessor() async throws {
      let others = Count()
      try await run(processors: 2) { _ in
        await withTaskGroup(of: Void.self) { group in
          for _ in 0..<100 { group.addTask { others.value.add(1, ordering: .relaxed) } }
          // They are in this processor's own queue, and this task stays on it until they are done.
          var looks = 0
          while others.value.load(ordering: .relaxed) < 100, looks < 2_000_000_000 {
            looks += 1
            CPU.pause()
          }
        }
      }
      #expect(others.value.load(ordering: .relaxed) == 100)
    }

    /// A task that only yields, and two that wake each other, don't starve the others.
    @Test func jobsThatAreAlwaysNextDoNotStarveTheQueue() async throws {
      let yields = try await run(processors: 1) { _ in
        let there = LocalChannel<Int>()
        let flag = Count()
        return try await withThrowingTaskGroup(of: Int.self) { group in
          group.addTask {
            var yields = 0
            while flag.value.load(ordering: .relaxed) < 2, yields < 10_000_000 {
              yields += 1
              await Task.yield()
            }
            return yields
          }
          group.addTask {
            var sent = 0
            while flag.value.load(ordering: .relaxed) < 2, sent < 10_000_000 {
              try await there.send(sent)
              sent += 1
            }
            try there.close()
            return 0
          }
          group.addTask {
            while try await there.receive() != nil {}
            return 0
          }
          for _ in 0..<2 {
            group.addTask {
              flag.value.add(1, ordering: .relaxed)
              return 0
            }
          }
          return try await group.reduce(0, +)
        }
      }
      #expect(yields < 10_000_000)
    }

    /// Work that comes one by one, from outside, just when the threads go to sleep.
    @Test func noWakeUpIsLost() async throws {
      let scheduler = Scheduler(processors: 1)
      for round in 0..<20_000 {
        let value = await Task(executorPreference: scheduler) { round }.value
        #expect(value == round)
        for _ in 0..<(round % 200) { CPU.pause() }
      }
      scheduler.close()
    }

    /// As many blocked calls as there are processors, and more: the other tasks run. The calls end after them.
    @Test(arguments: [1, 2, 5]) func callsThatBlockDoNotStarveTheRest(_ blocked: Int) async throws {
      let ends = try await run(processors: 2) { scheduler in
        // No copy: a pipe for each call that blocks.
        let pipes = try (0..<blocked).map { _ in Pipe(try PipeEnds.pipe2()) }
        return try await withThrowingTaskGroup(of: Int.self) { group in
          for pipe in pipes {
            group.addTask { try await scheduler.blocking { () throws(SystemError) in try pipe.read() } }
          }
          // Others run while all of them wait in read(2).
          let done = await withTaskGroup(of: Int.self) { rest in
            for _ in 0..<1000 {
              rest.addTask {
                await Task.yield()
                return 1
              }
            }
            return await rest.reduce(0, +)
          }
          for pipe in pipes { try pipe.write() }
          var ends = 0
          for try await end in group { ends += end }
          return ends + done
        }
      }
      #expect(ends == blocked + 1000)
    }

    /// Where every thread that may be is in a call that blocks, the other tasks wait, and run when a call ends.
    @Test func atTheLimitOfThreadsTheRestWaits() async throws {
      let scheduler = Scheduler(processors: 2, maximumThreads: 2)
      let pipes = try (0..<4).map { _ in Pipe(try PipeEnds.pipe2()) }
      let all = Task(executorPreference: scheduler) {
        try await withThrowingTaskGroup(of: Int.self) { group in
          for pipe in pipes {
            group.addTask { try await scheduler.blocking { () throws(SystemError) in try pipe.read() } }
          }
          for _ in 0..<200 {
            group.addTask {
              await Task.yield()
              return 1
            }
          }
          return try await group.reduce(0, +)
        }
      }
      var blocked = 0
      for _ in 0..<10_000_000 where blocked < 2 {
        blocked = scheduler.snapshot.blocked
        await Task.yield()
      }
      #expect(blocked == 2)
      for pipe in pipes { try pipe.write() }
      #expect(try await all.value == 204)
      scheduler.close()
    }

    /// The task doesn't run, and nothing breaks.
    @Test func aTaskForOneThatIsClosedWaits() async throws {
      let scheduler = Scheduler(processors: 2)
      await Task(executorPreference: scheduler) {}.value
      scheduler.close()
      Task(executorPreference: scheduler) { Issue.record("it ran") }
      #expect(scheduler.snapshot.waiting == 1)
    }

    @Test func blockingReturnsAndThrows() async throws {
      struct Wrong: Error {}
      try await run(processors: 1) { scheduler in
        #expect(await scheduler.blocking { 7 } == 7)
        await #expect(throws: Wrong.self) { try await scheduler.blocking { throw Wrong() } }
      }
      // From elsewhere it is a call like any other.
      let other = Scheduler(processors: 1)
      #expect(await other.blocking { 8 } == 8)
      other.close()
    }

    @Test func manyShortCallsOfManyTasks() async throws {
      let calls = try await run(processors: 2) { scheduler in
        await withTaskGroup(of: Int.self) { group in
          for _ in 0..<50 {
            group.addTask {
              var calls = 0
              for _ in 0..<100 { calls += await scheduler.blocking { 1 } }
              return calls
            }
          }
          return await group.reduce(0, +)
        }
      }
      #expect(calls == 5000)
    }

    /// Tasks of the scheduler meet tasks of others at a channel.
    @Test func channelsReachAcrossExecutors() async throws {
      let there = LocalChannel<Int>()
      let back = LocalChannel<Int>(capacity: 3)
      async let echo: Void = {
        for try await value in there { try await back.send(value + 1) }
        try back.close()
      }()
      let sum = try await run(processors: 2) { _ in
        try await withThrowingTaskGroup(of: Int.self) { group in
          group.addTask {
            for number in 0..<2000 { try await there.send(number) }
            try there.close()
            return 0
          }
          group.addTask {
            var sum = 0
            for try await value in back { sum += value }
            return sum
          }
          return try await group.reduce(0, +)
        }
      }
      try await echo
      #expect(sum == 2000 * 1999 / 2 + 2000)
    }

    @Test func itsThreadsEndWithIt() async throws {
      for _ in 0..<20 {
        try await run(processors: 3) { _ in
          await withTaskGroup(of: Void.self) { group in
            for _ in 0..<200 { group.addTask { await Task.yield() } }
          }
        }
      }
      // A thread's last word comes before its end: looked for a bounded number of times.
      var left = 1
      for _ in 0..<10_000 where left > 0 {
        left = Self.threads().count { $0.hasPrefix("ipc-m") }
        await Task.yield()
      }
      #expect(left == 0)
    }

    @Test func onceItIsIdleEveryThreadIsParkedAndEveryProcessorFree() async throws {
      let scheduler = Scheduler(processors: 2)
      await Task(executorPreference: scheduler) {
        await withTaskGroup(of: Void.self) { group in
          for _ in 0..<100 { group.addTask { await Task.yield() } }
        }
      }.value
      var snapshot = scheduler.snapshot
      for _ in 0..<1_000_000 where snapshot.processors.contains(where: { $0.state != .idle }) {
        await Task.yield()
        snapshot = scheduler.snapshot
      }
      #expect(snapshot.processors.allSatisfy { $0.state == .idle && $0.waiting == 0 })
      #expect(snapshot.running == 0)
      #expect(snapshot.waiting == 0)
      #expect(snapshot.parked >= 1)
      scheduler.close()
    }

    @Test func oneThatWasNeverUsedIsClosed() throws {
      Scheduler(processors: 4).close()
      Scheduler().close()
    }

    private final class Count: Sendable {
      let value = Atomic<Int>(0)
    }

    /// A pipe that tasks share.
    private final class Pipe: Sendable {
      private let ends: PipeEnds
      init(_ ends: consuming PipeEnds) { self.ends = ends }

      func read() throws(SystemError) -> Int {
        try unsafe withUnsafeTemporaryAllocation(byteCount: 1, alignment: 1) { bytes throws(SystemError) in
          unsafe try Streams.read(ends.reading.raw, into: bytes)
        }
      }

      func write() throws(SystemError) {
        let bytes: [UInt8] = [1]
        _ = unsafe try bytes.span.withUnsafeBytes { bytes throws(SystemError) in
          unsafe try Streams.writev(
            ends.writing.raw, bytes, UnsafeRawBufferPointer(start: nil, count: 0))
        }
      }
    }
  }
}
