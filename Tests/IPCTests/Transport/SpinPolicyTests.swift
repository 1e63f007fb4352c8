import SystemCalls
import TestSupport
import Testing

@testable import IPC

extension AllTests {
  /// When a wait tries before it sleeps. Wrong, it costs a whole CPU, or a wake-up for every message.
  @Suite(.guarded) struct SpinnerTests {
    private let isAlone = Processes.processorsOnline < 2

    /// How often one wait tried; whether it found something is said beforehand.
    private func tries(_ spinPolicy: inout SpinPolicy, finds: Bool, at attempt: Int = 1) throws -> Int {
      var count = 0
      let found = try spinPolicy.spin(until: .never) { () throws(ChannelError) in
        count += 1
        return finds && count >= attempt
      }
      #expect(found == (finds && count > 0))
      return count
    }

    @Test("block never tries")
    func block() throws {
      var spinPolicy = SpinPolicy(.block)
      for _ in 0..<200 { #expect(try tries(&spinPolicy, finds: true) == 0) }
    }

    @Test("spin tries until it can, however long that takes")
    func spin() throws {
      var spinPolicy = SpinPolicy(.spin)
      for attempt in [1, 2, 64, 65, 1000, 100_000] {
        #expect(try tries(&spinPolicy, finds: true, at: attempt) == attempt)
      }
      // Its deadline ends it, and it has tried.
      var count = 0
      let isLate = try !spinPolicy.spin(until: .now) { () throws(ChannelError) in
        count += 1
        return false
      }
      #expect(isLate && count > 0)
    }

    @Test("adaptive gives up trying after a few failures, for longer and longer, and tries again")
    func adaptive() throws {
      guard !isAlone else { return }
      var spinPolicy = SpinPolicy(.adaptive)
      for _ in 0..<3 { #expect(try tries(&spinPolicy, finds: false) > 0) }
      // Waits that sleep at once between two that try.
      var pauses: [Int] = []
      for _ in 0..<8 {
        var pause = 0
        while try tries(&spinPolicy, finds: false) == 0 { pause += 1 }
        pauses.append(pause)
      }
      #expect(pauses == [4, 8, 16, 32, 64, 64, 64, 64])
    }

    @Test("adaptive is itself again when trying has helped once")
    func recovers() throws {
      guard !isAlone else { return }
      var spinPolicy = SpinPolicy(.adaptive)
      for _ in 0..<400 { _ = try tries(&spinPolicy, finds: false) }
      // A peer that answers at once is found again within the longest pause.
      var waits = 0
      while try tries(&spinPolicy, finds: true) == 0 { waits += 1 }
      #expect(waits <= 64)
      for _ in 0..<500 { #expect(try tries(&spinPolicy, finds: true) == 1) }
      // And has the whole credit of a fresh one.
      for _ in 0..<3 { #expect(try tries(&spinPolicy, finds: false) > 0) }
      var pause = 0
      while try tries(&spinPolicy, finds: true) == 0 { pause += 1 }
      #expect(pause == 4)
    }

    @Test("failures that aren't in a row are no reason to stop")
    func now() throws {
      guard !isAlone else { return }
      var spinPolicy = SpinPolicy(.adaptive)
      for _ in 0..<100 {
        #expect(try tries(&spinPolicy, finds: false) > 0)
        #expect(try tries(&spinPolicy, finds: false) > 0)
        #expect(try tries(&spinPolicy, finds: true) == 1)
      }
    }

    @Test("on a machine of one CPU nobody else could run meanwhile")
    func alone() throws {
      guard isAlone else { return }
      var spinPolicy = SpinPolicy(.adaptive)
      for _ in 0..<200 { #expect(try tries(&spinPolicy, finds: true) == 0) }
    }

    @Test("what an attempt throws comes out", arguments: [WaitStrategy.spin, .adaptive])
    func throwing(_ strategy: WaitStrategy) throws {
      guard strategy == .spin || !isAlone else { return }
      var spinPolicy = SpinPolicy(strategy)
      let thrown = code { () throws(ChannelError) in
        try spinPolicy.spin(until: .never) { () throws(ChannelError) in
          throw ChannelError(.closed, .receive, .memory, "the sender has closed")
        }
      }
      #expect(thrown == .closed)
    }
  }

  /// When a receiver of a ring lets itself fall behind. Wrong, every answer comes late, or a stream is slow.
  @Suite(.guarded) struct BatchingDelayTests {
    private let isUsed = Processes.processorsOnline > 1
    private let little = 64
    private let heap = 4096
    /// So many looks that each found little are a run, and so many are left alone after one that was none.
    private let run = 16
    private let undelayed = 4096

    /// What only the next pause would show, in the time that it takes.
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

    @Test("one that spins is never held up")
    func spinning() throws {
      var delay = BatchingDelay(.spin)
      for _ in 0..<100 {
        find(&delay, little, times: 1)
        #expect(try !isDelaying(delay))
      }
    }

    @Test(
      "a run of looks that found little pauses, and no shorter one",
      arguments: [WaitStrategy.block, .adaptive])
    func pauses(_ strategy: WaitStrategy) throws {
      var delay = BatchingDelay(strategy)
      find(&delay, little, times: run - 1)
      #expect(try !isDelaying(delay))
      find(&delay, little, times: 1)
      #expect(try isDelaying(delay) == isUsed)
    }

    @Test("a heap ends a run, and so does nothing")
    func interrupted() throws {
      for interruption in [{ $0.found(4096) }, { $0.foundNothing() }] as [(inout BatchingDelay) -> Void] {
        var delay = BatchingDelay(.block)
        for _ in 0..<10 {
          find(&delay, little, times: run - 1)
          interruption(&delay)
          #expect(try !isDelaying(delay))
        }
        find(&delay, little, times: run)
        #expect(try isDelaying(delay) == isUsed)
      }
    }

    @Test("it goes on pausing while that finds a heap")
    func stream() throws {
      guard isUsed else { return }
      var delay = try paused()
      for _ in 0..<100 {
        find(&delay, heap, times: 1)
        #expect(try isDelaying(delay))
      }
    }

    @Test("a pause that found little, or nothing, is followed by a long undelayed")
    func noStream() throws {
      guard isUsed else { return }
      for answer in [{ $0.found(64) }, { $0.found(1024) }, { $0.foundNothing() }]
        as [(inout BatchingDelay) -> Void]
      {
        var delay = try paused()
        answer(&delay)
        // Whatever it finds now: this was question and answer.
        for look in 0..<(undelayed + run - 1) {
          #expect(try !isDelaying(delay), "look \(look)")
          find(&delay, little, times: 1)
        }
        find(&delay, little, times: 1)
        #expect(try isDelaying(delay))
      }
    }

    @Test("what isn't pausing doesn't mind finding nothing again and again")
    func idle() throws {
      var delay = BatchingDelay(.adaptive)
      for _ in 0..<1000 {
        delay.foundNothing()
        delay.pause()
        #expect(try !isDelaying(delay))
      }
      find(&delay, little, times: run)
      #expect(try isDelaying(delay) == isUsed)
    }
  }
}
