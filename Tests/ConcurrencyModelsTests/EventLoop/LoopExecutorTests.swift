import ConcurrencyModels
import Synchronization
import SystemCalls
import TestSupport
import Testing

extension AllConcurrencyModelsTests {
  /// Tasks and actors on an event loop's thread.
  @Suite(.watched) struct LoopExecutorTests {
    /// What callbacks of one thread append to.
    private final class Words {
      var words: [String] = []
    }

    private struct Odd: Error {}

    // MARK: Where

    @Test func aTaskAndItsChildrenRunOnTheLoop() throws {
      let loop = try EventLoop()
      let mine = Threads.current
      let threads = try loop.run {
        let log = Log<UInt>()
        log.add(Threads.current)
        async let one: Void = log.add(Threads.current)
        await one
        try await withThrowingTaskGroup(of: Void.self) { group in
          for _ in 0..<20 {
            group.addTask {
              log.add(Threads.current)
              try await loop.sleep(nanoseconds: 1000)
              log.add(Threads.current)
              async let inner: Void = log.add(Threads.current)
              await inner
            }
          }
          try await group.waitForAll()
        }
        log.add(Threads.current)
        return log.entries
      }
      #expect(threads.count == 63)
      #expect(Set(threads) == [mine])
    }

    @Test func aTaskOfAnotherThreadRunsOnTheLoop() throws {
      let loop = try EventLoop()
      let mine = Threads.current
      let log = Log<UInt>()
      try Threads.start(name: "starter") {
        log.add(Threads.current)
        Task(executorPreference: loop) {
          log.add(Threads.current)
          try? await loop.sleep(nanoseconds: 1000)
          log.add(Threads.current)
          loop.stop()
        }
      }
      try loop.run()
      #expect(log.count == 3)
      #expect(log.entries.first != mine)
      #expect(log.entries.dropFirst().allSatisfy { $0 == mine })
    }

    private actor Counter: EventLoopActor {
      let eventLoop: EventLoop
      private var count = 0

      init(_ loop: EventLoop) { eventLoop = loop }

      func add() -> UInt {
        assertIsolated()
        count += 1
        return Threads.current
      }

      var sum: Int { count }
    }

    @Test func anActorLivesThere() throws {
      let loop = try EventLoop()
      let mine = Threads.current
      let threads = try loop.run {
        let counter = Counter(loop)
        // From tasks that run elsewhere.
        let others = (0..<4).map { _ in
          Task.detached {
            var found: Set<UInt> = []
            for _ in 0..<100 { found.insert(await counter.add()) }
            return found
          }
        }
        var found: Set<UInt> = [await counter.add()]
        for other in others { found.formUnion(await other.value) }
        #expect(await counter.sum == 401)
        return found
      }
      #expect(threads == [mine])
    }

    @Test func jobsRunInTheOrderInWhichTheyCame() throws {
      let loop = try EventLoop()
      let numbers = try loop.run {
        let log = Log<Int>()
        await withTaskGroup(of: Void.self) { group in
          for number in 0..<200 { group.addTask { log.add(number) } }
        }
        return log.entries
      }
      #expect(numbers == Array(0..<200))
    }

    /// Neither keeps the other out for ever.
    @Test func callbacksHaveTheirTurnBesideJobs() throws {
      let loop = try EventLoop()
      let turns = try loop.run {
        let hasRung = Locked(false)
        loop.after(1_000_000) { hasRung.withLock { $0 = true } }
        for turn in 0..<10_000_000 {
          if hasRung.withLock({ $0 }) { return turn }
          // Each is a job that leads to the next.
          async let next: Void = {}()
          await next
        }
        return -1
      }
      #expect(turns >= 0)
    }

    // MARK: Running it

    @Test func itReturnsWhatTheFunctionReturns() throws {
      let loop = try EventLoop()
      #expect(try loop.run { 5 } == 5)
      // Several times, one after another.
      for number in 0..<50 {
        let found = try loop.run {
          try await loop.sleep(nanoseconds: UInt64(number))
          return "\(number)"
        }
        #expect(found == "\(number)")
      }
    }

    @Test func itThrowsWhatTheFunctionThrows() throws {
      let loop = try EventLoop()
      #expect(throws: Odd.self) { try loop.run { throw Odd() } }
      #expect(throws: Odd.self) {
        try loop.run {
          try await loop.sleep(nanoseconds: 1000)
          throw Odd()
        }
      }
      #expect(try loop.run { "again" } == "again")
    }

    @Test func aStopOfAnotherCancelsTheFunction() throws {
      let loop = try EventLoop()
      loop.after(1_000_000) { loop.stop() }
      let word = try loop.run {
        await #expect(throws: CancellationError.self) {
          try await loop.sleep(nanoseconds: 3_600_000_000_000)
        }
        #expect(Task.isCancelled)
        return "went on to its end"
      }
      #expect(word == "went on to its end")
      #expect(throws: CancellationError.self) {
        try Threads.start(name: "stops") { loop.stop() }
        try loop.run { try await loop.sleep(nanoseconds: 3_600_000_000_000) }
      }
    }

    @Test func anErrorOfACallbackEndsTheTurnFirst() throws {
      let loop = try EventLoop()
      let log = Words()
      loop.callSoon { log.words.append("before") }
      loop.callSoon { throw Odd() }
      loop.callSoon { throw CancellationError() }
      loop.callSoon { log.words.append("after") }
      loop.after(0) { log.words.append("timer") }
      // The first of the iteration's errors.
      #expect(throws: Odd.self) { try loop.run() }
      #expect(log.words == ["timer", "before", "after"])
      // And it can be run again.
      loop.callSoon {
        log.words.append("again")
        loop.stop()
      }
      try loop.run()
      #expect(log.words.last == "again")
    }

    @Test func everyKindOfCallbackMayThrow() throws {
      let loop = try EventLoop()
      loop.after(0) { throw Odd() }
      #expect(throws: Odd.self) { try loop.run() }
      loop.submit { throw Odd() }
      #expect(throws: Odd.self) { try loop.run() }
      let event = try Events.eventfd(1)
      let token = try loop.watch(event.raw, .read) { _ in throw Odd() }
      #expect(throws: Odd.self) { try loop.run() }
      loop.remove(token)
      loop.callSoon { loop.stop() }
      try loop.run()
    }

    @Test func anErrorOfACallbackCancelsTheFunction() throws {
      let loop = try EventLoop()
      let log = Log<String>()
      loop.after(1_000_000) { throw Odd() }
      #expect(throws: Odd.self) {
        try loop.run {
          do {
            try await loop.sleep(nanoseconds: 3_600_000_000_000)
          } catch {
            log.add("\(type(of: error))")
          }
        }
      }
      // It throws when the loop runs again.
      loop.after(10_000_000) { loop.stop() }
      try loop.run()
      #expect(log.entries == ["CancellationError"])
    }

    @Test
    func afterAnErrorTheNextFunctionIsNotCancelled() throws {
      let loop = try EventLoop()
      loop.after(1_000_000) { throw Odd() }
      #expect(throws: Odd.self) {
        try loop.run { try await loop.sleep(nanoseconds: 3_600_000_000_000) }
      }
      let isCancelled = try loop.run {
        try? await loop.sleep(nanoseconds: 10_000_000)
        return Task.isCancelled
      }
      #expect(!isCancelled)
    }
  }
}
