import ConcurrencyModels
import Measurement
import Synchronization
import SystemCalls
import TestSupport
import Testing

extension AllConcurrencyModelsTests {
  /// What Python's generators don't do: threads, executors, actors, and the release of the last reference.
  @Suite(.watched) struct GeneratorTests {
    /// What a generator's function appends to.
    private final class Log {
      var words: [String] = []
    }

    @Test func theLoopGetsEveryValue() {
      let squares = Generator<Int, Never, String> { caller in
        for number in 1...5 { try await caller.yield(number * number) }
        return "done"
      }
      #expect(Array(squares) == [1, 4, 9, 16, 25])
      #expect(squares.result == "done")
      #expect(squares.failure == nil)
    }

    @Test func letGoInItsMiddleItIsClosed() throws {
      let log = Log()
      do {
        let endless = Generator<Int, Never, Void> { caller in
          defer { log.words.append("deferred") }
          var number = 0
          while true {
            try await caller.yield(number)
            number += 1
          }
        }
        #expect(try endless.next() == 0)
        #expect(try endless.next() == 1)
      }
      #expect(log.words == ["deferred"])
    }

    @Test func letGoBeforeItsStartItNeverRuns() {
      let log = Log()
      do { _ = Generator<Int, Never, Void> { _ in log.words.append("ran") } }
      #expect(log.words.isEmpty)
    }

    /// Nothing of it stays: neither the function's variables nor what it captured.
    @Test func nothingOfItIsLeft() throws {
      weak var captured: Log?
      weak var local: Log?
      do {
        let log = Log()
        captured = log
        let generator = Generator<Int, Never, Void> { [log] caller in
          let inner = Log()
          local = inner
          try await caller.yield(log.words.count)
          withExtendedLifetime(inner) {}
        }
        _ = try generator.next()
        #expect(local != nil)
      }
      #expect(captured == nil)
      #expect(local == nil)
    }

    @Test func oneThatRefusesToEndIsLeftAloneAtLast() throws {
      let log = Log()
      do {
        let stubborn = Generator<Int, Never, Void> { caller in
          while true {
            do { try await caller.yield(1) } catch { log.words.append("\(type(of: error))") }
          }
        }
        _ = try stubborn.next()
      }
      #expect(!log.words.isEmpty)
      #expect(Set(log.words) == ["GeneratorExit"])
    }

    @Test func onTheMainActorItsFunctionIsToo() async throws {
      try await MainActor.run {
        let log = Log()
        let generator = Generator<Int, Int, Int> { caller in
          MainActor.assertIsolated()
          var sum = 0
          while let value = try await caller.yield(sum) {
            MainActor.assertIsolated()
            sum += value
            log.words.append("\(value)")
          }
          return sum
        }
        #expect(try generator.next() == 0)
        for value in 1...100 { _ = try generator.send(value) }
        #expect(try generator.next() == nil)
        #expect(generator.result == 5050)
        #expect(log.words.count == 100)
      }
    }

    private actor Counter {
      func count() throws -> [Int] {
        var steps = 0
        let generator = Generator<Int, Never, Void> { caller in
          while true {
            steps += 1
            try await caller.yield(steps)
          }
        }
        return try (0..<3).compactMap { _ in try generator.next() }
      }
    }

    @Test func onAnActorItsFunctionIsToo() async throws {
      #expect(try await Counter().count() == [1, 2, 3])
    }

    /// A step is a call: the thread stays the same, and the stack's locals of the caller may be touched.
    @Test func itRunsOnTheThreadThatSteps() async throws {
      let threads = Locked<[UInt]>([])
      try await withCheckedThrowingContinuation { (done: CheckedContinuation<Void, any Error>) in
        do {
          try Threads.start(name: "steps") {
            let mine = Threads.current
            let generator = Generator<UInt, Never, Void> { caller in
              for _ in 0..<10 { try await caller.yield(Threads.current) }
            }
            threads.withLock { $0 = [mine] + Array(generator) }
            done.resume()
          }
        } catch {
          done.resume(throwing: error)
        }
      }
      let seen = threads.withLock { $0 }
      #expect(seen.count == 11)
      #expect(Set(seen).count == 1)
    }

    @Test func waitingForSomethingElseIsAnError() throws {
      let log = Log()
      let generator = Generator<Int, Never, Void> { caller in
        defer { log.words.append("ended") }
        try await caller.yield(1)
        try await Task.sleep(for: .seconds(3600))
        log.words.append("slept")
        try await caller.yield(2)
      }
      #expect(try generator.next() == 1)
      let error = #expect(throws: GeneratorError.self) { try generator.next() }
      #expect(error?.code == .waitsElsewhere)
      #expect(generator.hasEnded)
      #expect(try generator.next() == nil)
      // It was cancelled, so that it came to its end, here or on another thread.
      #expect(!log.words.contains("slept"))
    }

    @Test func onlyTheFunctionItselfMayYield() async throws {
      var kept: Yielder<Int, Never>?
      let generator = Generator<Int, Never, Void> { caller in
        kept = caller
        try await caller.yield(1)
      }
      #expect(try generator.next() == 1)
      let way = try #require(kept)
      await #expect(throws: GeneratorError(.notInside)) { try await way.yield(5) }
      #expect(try generator.next() == nil)
      await #expect(throws: GeneratorError(.notInside)) { try await way.yield(5) }
    }

    /// A chain of generators that delegate to each other.
    private static func chain(_ depth: Int) -> Generator<Int, Int, Int> {
      Generator { caller in
        if depth == 0 {
          var sum = 0
          while let value = try await caller.yield(sum) { sum += value }
          return sum
        }
        return try await caller.yield(from: chain(depth - 1)) + 1
      }
    }

    @Test(arguments: [1, 10, 200]) func delegationGoesAsDeepAsOneLikes(_ depth: Int) throws {
      let outer = Self.chain(depth)
      #expect(try outer.next() == 0)
      #expect(try outer.send(5) == 5)
      #expect(try outer.send(6) == 11)
      #expect(try outer.next() == nil)
      #expect(outer.result == 11 + depth)
    }

    @Test func closingTheOuterEndsTheInnermostFirst() throws {
      let log = Log()
      func nested(_ depth: Int) -> Generator<Int, Never, Void> {
        Generator { caller in
          defer { log.words.append("\(depth)") }
          if depth == 0 { try await caller.yield(0) } else { try await caller.yield(from: nested(depth - 1)) }
        }
      }
      let outer = nested(4)
      #expect(try outer.next() == 0)
      try outer.close()
      #expect(log.words == ["0", "1", "2", "3", "4"])
    }

    /// A model of a generator: a random program of yields, run with random calls, must say what a plain list says.
    @Test func randomCallsGiveWhatTheModelGives() throws {
      let seed = UInt64.random(in: 0 ... .max)
      var random = SeededRandom(seed: seed)
      for _ in 0..<300 {
        let length = Int(random.next() % 8)
        let generator = Generator<Int, Int, Int> { caller in
          var sum = 0
          for number in 0..<length {
            do { sum += try await caller.yield(number) ?? 0 } catch is Bump { sum += 100 }
          }
          return sum
        }
        var (at, sum, isStarted, hasEnded) = (0, 0, false, false)
        for _ in 0..<12 {
          var expected: Int? { at < length ? at : nil }
          switch random.next() % 4 {
          case 0, 1:
            #expect(
              try generator.next()
                == {
                  if isStarted { at += 1 }; return hasEnded ? nil : expected
                }(), "seed \(seed)")
            isStarted = true
          case 2 where isStarted:
            let value = Int(random.next() % 10)
            if !hasEnded { sum += value }
            at += 1
            #expect(try generator.send(value) == expected, "seed \(seed)")
          case 3 where isStarted && !hasEnded:
            sum += 100
            at += 1
            #expect(try generator.throw(Bump()) == expected, "seed \(seed)")
          default: continue
          }
          if isStarted, at >= length { hasEnded = true }
          if hasEnded { break }
        }
        if hasEnded { #expect(generator.result == sum, "seed \(seed)") }
      }
    }

    private struct Bump: Error {}
  }
}
