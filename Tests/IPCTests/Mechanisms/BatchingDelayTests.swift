import SystemCalls
import TestSupport
import Testing

@testable import IPC

extension AllTests {
  /// When a receiver of a ring pauses so that messages gather. If this is wrong, answers are late or a stream is slow.
  @Suite(.guarded) struct BatchingDelayTests {
    private static let isUsed = Processes.processorsOnline > 1
    private let little = 64
    private let much = 4096
    /// So many reads that each found little are a run; so many aren't delayed after a pause that gathered little.
    private let run = 16
    private let undelayed = 4096

    /// The private state, which otherwise only the duration of the next pause shows.
    private func isDelaying(_ delay: BatchingDelay) throws -> Bool {
      let value = Mirror(reflecting: delay).children.first { $0.label == "isDelaying" }?.value
      return try #require(value as? Bool)
    }

    private func find(_ delay: inout BatchingDelay, _ bytes: Int, times: Int) {
      for _ in 0..<times {
        delay.pause()
        delay.found(bytes)
      }
    }

    private func paused() throws -> BatchingDelay {
      var delay = BatchingDelay(.block)
      find(&delay, little, times: run)
      try #require(try isDelaying(delay))
      return delay
    }

    @Test("a receiver that spins is never delayed")
    func spinning() throws {
      var delay = BatchingDelay(.spin)
      for _ in 0..<100 {
        find(&delay, little, times: 1)
        #expect(try !isDelaying(delay))
      }
    }

    @Test(
      "a run of reads that each found little causes a pause, a shorter run doesn't",
      arguments: [WaitStrategy.block, .adaptive])
    func pauses(_ strategy: WaitStrategy) throws {
      var delay = BatchingDelay(strategy)
      find(&delay, little, times: run - 1)
      #expect(try !isDelaying(delay))
      find(&delay, little, times: 1)
      #expect(try isDelaying(delay) == Self.isUsed)
    }

    @Test("a read that found much, or nothing, ends a run")
    func interruptedRun() throws {
      for interruption in [{ $0.found(4096) }, { $0.foundNothing() }] as [(inout BatchingDelay) -> Void] {
        var delay = BatchingDelay(.block)
        for _ in 0..<10 {
          find(&delay, little, times: run - 1)
          interruption(&delay)
          #expect(try !isDelaying(delay))
        }
        find(&delay, little, times: run)
        #expect(try isDelaying(delay) == Self.isUsed)
      }
    }

    @Test(
      "it keeps pausing while each pause gathers much", .enabled(if: isUsed, "it needs several processors"))
    func stream() throws {
      var delay = try paused()
      for _ in 0..<100 {
        find(&delay, much, times: 1)
        #expect(try isDelaying(delay))
      }
    }

    @Test(
      "after a pause that gathered little or nothing, many reads aren't delayed",
      .enabled(if: isUsed, "it needs several processors"))
    func noStream() throws {
      for answer in [{ $0.found(64) }, { $0.found(1024) }, { $0.foundNothing() }]
        as [(inout BatchingDelay) -> Void]
      {
        var delay = try paused()
        answer(&delay)
        // Whatever the next reads find: the traffic was requests and answers.
        for look in 0..<(undelayed + run - 1) {
          #expect(try !isDelaying(delay), "look \(look)")
          find(&delay, little, times: 1)
        }
        find(&delay, little, times: 1)
        #expect(try isDelaying(delay))
      }
    }

    @Test("reads that find nothing don't cause a pause")
    func idle() throws {
      var delay = BatchingDelay(.adaptive)
      for _ in 0..<1000 {
        delay.foundNothing()
        delay.pause()
        #expect(try !isDelaying(delay))
      }
      find(&delay, little, times: run)
      #expect(try isDelaying(delay) == Self.isUsed)
    }
  }
}
