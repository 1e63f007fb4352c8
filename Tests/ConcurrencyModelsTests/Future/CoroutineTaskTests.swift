import ConcurrencyModels
import TestSupport
import Testing

extension AllConcurrencyModelsTests {
  /// Coroutines that wait for futures.
  @Suite(.watched) struct CoroutineTaskTests {
    /// What callbacks of one thread append to.
    private final class Words {
      var words: [String] = []
    }

    private struct Odd: Error {}

    @Test func itWaitsForOneFutureAfterAnother() throws {
      let futures = (0..<5).map { _ in Future<Int>() }
      let log = Words()
      let task = CoroutineTask(
        Coroutine<Int> { context in
          var sum = 0
          for future in futures {
            sum += try await context.wait(for: future)
            log.words.append("\(sum)")
          }
          return sum
        })
      for (number, future) in futures.enumerated() {
        #expect(!task.outcome.isDone)
        #expect(log.words.count == number)
        future.succeed(number)
      }
      #expect(log.words == ["0", "1", "3", "6", "10"])
      #expect(try task.outcome.result?.get() == 10)
    }

    @Test func theFirstStepIsTakenAtOnce() {
      let (log, future) = (Words(), Future<Void>())
      let task = CoroutineTask(
        Coroutine<Void> { context in
          log.words.append("begins")
          try await context.wait(for: future)
          log.words.append("ends")
        })
      #expect(log.words == ["begins"])
      future.succeed(())
      #expect(log.words == ["begins", "ends"])
      #expect(task.outcome.isDone)
    }

    @Test func itMayHaveNothingToWaitFor() throws {
      let quick = CoroutineTask(Coroutine<Int> { _ in 7 })
      #expect(try quick.outcome.result?.get() == 7)
      let wrong = CoroutineTask(Coroutine<Int> { _ in throw Odd() })
      #expect(throws: Odd.self) { try wrong.outcome.result?.get() }
    }

    @Test func futuresMayComeInAnyOrder() throws {
      let (first, second) = (Future<String>(), Future<String>())
      let task = CoroutineTask(
        Coroutine<String> { context in
          try await context.wait(for: first) + context.wait(for: second)
        })
      second.succeed("second")
      #expect(!task.outcome.isDone)
      first.succeed("first ")
      #expect(try task.outcome.result?.get() == "first second")
    }

    @Test func severalMayWaitForOne() throws {
      let (future, log) = (Future<Int>(), Words())
      let tasks = (0..<5).map { number in
        CoroutineTask(
          Coroutine<Int> { context in
            let value = try await context.wait(for: future)
            log.words.append("\(number)")
            return value + number
          })
      }
      future.succeed(10)
      #expect(log.words == ["0", "1", "2", "3", "4"])
      #expect(try tasks.map { try $0.outcome.result?.get() } == [10, 11, 12, 13, 14])
    }

    @Test func oneTaskMayWaitForAnother() throws {
      let future = Future<Int>()
      let inner = CoroutineTask(Coroutine<Int> { context in try await context.wait(for: future) * 2 })
      let outer = CoroutineTask(Coroutine<Int> { context in try await context.wait(for: inner.outcome) + 1 })
      future.succeed(4)
      #expect(try outer.outcome.result?.get() == 9)
    }

    @Test func coroutinesMayBeNested() throws {
      let future = Future<Int>()
      func nested(_ depth: Int) -> Coroutine<Int> {
        Coroutine<Int> { context in
          if depth == 0 { return try await context.wait(for: future) }
          return try await context.wait(for: nested(depth - 1)) + 1
        }
      }
      let task = CoroutineTask(nested(20))
      #expect(!task.outcome.isDone)
      future.succeed(100)
      #expect(try task.outcome.result?.get() == 120)
    }

    @Test func anErrorIsThrownAtTheWait() throws {
      let (bad, good, log) = (Future<Int>(), Future<Int>(), Words())
      let inner = Coroutine<Int> { context in
        do {
          return try await context.wait(for: bad)
        } catch {
          log.words.append("inner \(type(of: error))")
          throw error
        }
      }
      let task = CoroutineTask(
        Coroutine<Int> { context in
          do {
            return try await context.wait(for: inner)
          } catch {
            log.words.append("outer \(type(of: error))")
            return try await context.wait(for: good)
          }
        })
      bad.fail(Odd())
      #expect(log.words == ["inner Odd", "outer Odd"])
      #expect(!task.outcome.isDone)
      good.succeed(1)
      #expect(try task.outcome.result?.get() == 1)
    }

    /// Nothing is called back then, and nothing piles up.
    @Test func whatIsDoneAlreadyCostsNoStack() throws {
      let task = CoroutineTask(
        Coroutine<Int> { context in
          var sum = 0
          for _ in 0..<100_000 {
            let future = Future<Int>()
            future.succeed(1)
            sum += try await context.wait(for: future)
          }
          return sum
        })
      #expect(try task.outcome.result?.get() == 100_000)
      // The same where it hands them out itself.
      let yielding = CoroutineTask(
        Coroutine<Int> { context in
          let future = Future<Int>()
          future.succeed(1)
          for _ in 0..<100_000 { try await context.yield(future) }
          return 2
        })
      #expect(try yielding.outcome.result?.get() == 2)
    }

    // MARK: Cancellation

    @Test func aCancelledTaskThrowsWhereItWaits() {
      let (future, log) = (Future<Int>(), Words())
      let task = CoroutineTask(
        Coroutine<Int> { context in
          defer { log.words.append("deferred") }
          do {
            return try await context.wait(for: future)
          } catch {
            log.words.append("\(type(of: error))")
            throw error
          }
        })
      task.cancel()
      #expect(log.words == ["CancellationError", "deferred"])
      #expect(throws: CancellationError.self) { try task.outcome.result?.get() }
      // What it waited for comes to nothing.
      future.succeed(1)
      #expect(throws: CancellationError.self) { try task.outcome.result?.get() }
      #expect(log.words.count == 2)
    }

    @Test func nestedCoroutinesThrowFromTheInside() {
      let (future, log) = (Future<Int>(), Words())
      let inner = Coroutine<Int> { context in
        defer { log.words.append("inner") }
        return try await context.wait(for: future)
      }
      let task = CoroutineTask(
        Coroutine<Int> { context in
          defer { log.words.append("outer") }
          return try await context.wait(for: inner)
        })
      task.cancel()
      #expect(log.words == ["inner", "outer"])
      #expect(throws: CancellationError.self) { try task.outcome.result?.get() }
    }

    @Test func aFunctionThatCatchesItContinues() throws {
      let (first, second, log) = (Future<Int>(), Future<Int>(), Words())
      let task = CoroutineTask(
        Coroutine<Int> { context in
          do {
            return try await context.wait(for: first)
          } catch is CancellationError {
            log.words.append("goes on")
          }
          return try await context.wait(for: second)
        })
      task.cancel()
      #expect(log.words == ["goes on"])
      #expect(!task.outcome.isDone)
      // The error is thrown once; the first future has no effect any more.
      task.cancel()
      first.succeed(1)
      #expect(!task.outcome.isDone)
      second.succeed(2)
      #expect(try task.outcome.result?.get() == 2)
    }

    @Test func aFunctionThatCatchesItMayWaitForTheSame() throws {
      let future = Future<Int>()
      let task = CoroutineTask(
        Coroutine<Int> { context in
          do {
            return try await context.wait(for: future)
          } catch is CancellationError {
            return try await context.wait(for: future) + 1
          }
        })
      task.cancel()
      #expect(!task.outcome.isDone)
      future.succeed(1)
      #expect(try task.outcome.result?.get() == 2)
    }

    @Test func whatHasEndedStaysAsItIs() throws {
      let task = CoroutineTask(Coroutine<Int> { _ in 1 })
      task.cancel()
      #expect(try task.outcome.result?.get() == 1)
      let failed = CoroutineTask(Coroutine<Int> { _ in throw Odd() })
      failed.cancel()
      #expect(throws: Odd.self) { try failed.outcome.result?.get() }
    }

    /// A task that a coroutine reaches from inside itself.
    private final class Handle {
      var task: CoroutineTask<String>?
    }

    @Test(arguments: [false, true]) func cancelledFromInsideItThrowsAtItsNextWait(_ isThere: Bool) throws {
      let (start, next, log, handle) = (Future<Void>(), Future<Int>(), Words(), Handle())
      if isThere { next.succeed(1) }
      handle.task = CoroutineTask(
        Coroutine<String> { context in
          try await context.wait(for: start)
          handle.task?.cancel()
          log.words.append("goes on")
          // What is there needs no wait.
          do {
            return "found \(try await context.wait(for: next))"
          } catch {
            log.words.append("\(type(of: error))")
            return "cancelled"
          }
        })
      start.succeed(())
      #expect(log.words == (isThere ? ["goes on"] : ["goes on", "CancellationError"]))
      #expect(try handle.task?.outcome.result?.get() == (isThere ? "found 1" : "cancelled"))
      handle.task = nil
    }

    // MARK: Release

    @Test func aTaskThatHasEndedIsReleased() {
      weak var task: CoroutineTask<Int>?
      weak var captured: Words?
      do {
        let (future, log) = (Future<Int>(), Words())
        let made = CoroutineTask(
          Coroutine<Int> { context in
            log.words.append("begins")
            return try await context.wait(for: future)
          })
        (task, captured) = (made, log)
        future.succeed(1)
        #expect(made.outcome.isDone)
      }
      #expect(task == nil)
      #expect(captured == nil)
    }

    /// Each waits for the one before: the end of the first is the end of all, on one stack.
    @Test func aLongChainOfTasksEndsOnASmallStack() throws {
      let first = Future<Int>()
      var last = first
      for _ in 0..<100_000 {
        let before = last
        last = CoroutineTask(Coroutine<Int> { context in try await context.wait(for: before) + 1 }).outcome
      }
      first.succeed(0)
      #expect(try last.result?.get() == 100_000)
    }

    /// A future that is never resolved keeps its task, unless the task is cancelled.
    @Test func aTaskThatWasCancelledIsReleased() {
      let log = Words()
      let future = Future<Int>()
      weak var task: CoroutineTask<Int>?
      do {
        let made = CoroutineTask(
          Coroutine<Int> { context in
            defer { log.words.append("deferred") }
            return try await context.wait(for: future)
          })
        task = made
        made.cancel()
      }
      #expect(log.words == ["deferred"])
      // The future still has its callback, which comes to nothing.
      future.succeed(1)
      #expect(task == nil)
    }
  }
}
