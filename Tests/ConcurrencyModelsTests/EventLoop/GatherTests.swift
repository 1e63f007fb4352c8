import ConcurrencyModels
import SystemCalls
import TestSupport
import Testing

extension AllConcurrencyModelsTests {
  /// Several async functions at once, and one with a time limit.
  @Suite(.watched) struct GatherTests {
    private static let hour: UInt64 = 3_600_000_000_000

    private struct Odd: Error, Equatable {
      var number = 0
    }

    // MARK: gather

    @Test func whatTheyReturnIsInTheirOrder() throws {
      let loop = try EventLoop()
      let ended = Log<Int>()
      let values = try loop.run {
        try await gather(
          (0..<6).map { number in
            {
              try await loop.sleep(nanoseconds: UInt64(6 - number) * 3_000_000)
              ended.add(number)
              return number
            }
          })
      }
      #expect(values == [0, 1, 2, 3, 4, 5])
      // They ran at once, the last first.
      #expect(ended.entries == [5, 4, 3, 2, 1, 0])
    }

    @Test func ofNoneNothing() async throws {
      let operations: [@Sendable () async throws -> Int] = []
      #expect(try await gather(operations) == [])
    }

    @Test func valuesMayBeNil() async throws {
      let found: [Int?] = try await gather([{ nil }, { 1 }, { nil }])
      #expect(found == [nil, 1, nil])
    }

    @Test func theyRunWhereItWasCalled() throws {
      let loop = try EventLoop()
      let mine = Threads.current
      let threads = try loop.run {
        try await gather(
          (0..<10).map { _ in
            {
              try await loop.sleep(nanoseconds: 1000)
              return Threads.current
            }
          })
      }
      #expect(Set(threads) == [mine])
    }

    @Test func theFirstErrorCancelsTheOthers() throws {
      let loop = try EventLoop()
      let log = Log<String>()
      #expect(throws: Odd(number: 1)) {
        try loop.run {
          do {
            _ = try await gather([
              { @Sendable in
                defer { log.add("first ends") }
                try await loop.sleep(nanoseconds: Self.hour)
              },
              { @Sendable in
                try await loop.sleep(nanoseconds: 1_000_000)
                log.add("throws")
                throw Odd(number: 1)
              },
              { @Sendable in
                do {
                  try await loop.sleep(nanoseconds: Self.hour)
                } catch {
                  log.add("last is told")
                  throw Odd(number: 2)
                }
              },
            ])
          } catch {
            // When all have ended.
            log.add("is told")
            throw error
          }
        }
      }
      #expect(log.entries.first == "throws")
      #expect(Set(log.entries.dropFirst().dropLast()) == ["first ends", "last is told"])
      #expect(log.entries.last == "is told")
      #expect(log.count == 4)
    }

    @Test func cancelledItCancelsAll() throws {
      let loop = try EventLoop()
      let log = Log<Int>()
      try loop.run {
        let task = Task(executorPreference: loop) {
          try await gather(
            (0..<5).map { number in
              {
                defer { log.add(number) }
                try await loop.sleep(nanoseconds: Self.hour)
              }
            })
        }
        try await loop.sleep(nanoseconds: 1_000_000)
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
      }
      #expect(log.entries.sorted() == [0, 1, 2, 3, 4])
    }

    // MARK: timeout

    @Test func aQuickFunctionMeetsNoLimit() throws {
      let loop = try EventLoop()
      let value = try loop.run {
        try await loop.timeout(nanoseconds: Self.hour) {
          try await loop.sleep(nanoseconds: 1_000_000)
          return Task.isCancelled ? "cancelled" : "quick"
        }
      }
      #expect(value == "quick")
      // Nil is a value as well.
      let none: Int? = try loop.run { try await loop.timeout(nanoseconds: Self.hour) { nil } }
      #expect(none == nil)
    }

    @Test func aSlowFunctionIsCancelled() throws {
      let loop = try EventLoop()
      let log = Log<String>()
      let start = Clock.now()
      let error = #expect(throws: TimeoutError.self) {
        try loop.run {
          do {
            try await loop.timeout(nanoseconds: 5_000_000) {
              do {
                try await loop.sleep(nanoseconds: Self.hour)
              } catch {
                log.add("\(type(of: error))")
                // It may take its time, and the limit's error comes after it.
                try? await loop.sleep(nanoseconds: 1_000_000)
                log.add("ends")
                throw error
              }
            }
          } catch {
            log.add("is told")
            throw error
          }
        }
      }
      #expect(error?.limit == 5_000_000)
      #expect(error.map { "\($0)" } == "took longer than 0.005 s")
      #expect(Clock.now() - start >= 5_000_000)
      #expect(log.entries == ["CancellationError", "ends", "is told"])
    }

    @Test func itsOwnErrorIsThrown() throws {
      let loop = try EventLoop()
      #expect(throws: Odd(number: 3)) {
        try loop.run { try await loop.timeout(nanoseconds: Self.hour) { throw Odd(number: 3) } }
      }
    }

    @Test func cancelledFromOutsideItIsNotTooLate() throws {
      let loop = try EventLoop()
      try loop.run {
        let task = Task(executorPreference: loop) {
          try await loop.timeout(nanoseconds: Self.hour) { try await loop.sleep(nanoseconds: Self.hour) }
        }
        try await loop.sleep(nanoseconds: 1_000_000)
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
      }
    }

    @Test func theInnerLimitIsTheShorter() throws {
      let loop = try EventLoop()
      let error = #expect(throws: TimeoutError.self) {
        try loop.run {
          try await loop.timeout(nanoseconds: Self.hour) {
            try await loop.timeout(nanoseconds: 2_000_000) { try await loop.sleep(nanoseconds: Self.hour) }
          }
        }
      }
      #expect(error?.limit == 2_000_000)
    }
  }
}
