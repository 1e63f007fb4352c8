import ConcurrencyModels
import Synchronization
import SystemCalls
import TestSupport
import Testing

extension AllConcurrencyModelsTests {
  /// Callbacks, timers and submitted work on one thread.
  @Suite(.watched) struct EventLoopTests {
    /// What callbacks of one thread append to.
    private final class Log {
      var words: [String] = []
    }

    @Test func timersFireInTheirOrder() throws {
      let loop = try EventLoop()
      let log = Log()
      let start = Clock.now()
      loop.after(30_000_000) {
        log.words.append("30")
        loop.stop()
      }
      loop.after(10_000_000) { log.words.append("10") }
      loop.after(20_000_000) { log.words.append("20") }
      loop.after(0) { log.words.append("0") }
      try loop.run()
      #expect(log.words == ["0", "10", "20", "30"])
      // Never too early.
      #expect(Clock.now() - start >= 30_000_000)
    }

    @Test func manyTimersFireOnceEach() throws {
      let loop = try EventLoop()
      let log = Log()
      // A permutation of 0..<500, so that the heap is exercised.
      for index in 0..<500 {
        let place = index * 137 % 500
        loop.after(UInt64(place) * 20_000) { log.words.append("\(place)") }
      }
      loop.after(60_000_000) { loop.stop() }
      try loop.run()
      #expect(log.words.count == 500)
      #expect(Set(log.words).count == 500)
    }

    @Test func aCancelledTimerDoesNotFire() throws {
      let loop = try EventLoop()
      let log = Log()
      let first = loop.after(1_000_000) { log.words.append("cancelled before") }
      let second = loop.after(20_000_000) { log.words.append("cancelled by another") }
      loop.cancel(timer: first)
      loop.after(5_000_000) { loop.cancel(timer: second) }
      loop.after(40_000_000) { loop.stop() }
      try loop.run()
      #expect(log.words.isEmpty)
      // One that has rung, and one that never was.
      loop.cancel(timer: first)
      loop.cancel(timer: 9999)
    }

    @Test func aTimerMaySetAnother() throws {
      let loop = try EventLoop()
      let log = Log()
      func next(_ left: Int) {
        log.words.append("\(left)")
        if left == 0 { return loop.stop() }
        loop.after(1_000_000) { next(left - 1) }
      }
      next(5)
      try loop.run()
      #expect(log.words == ["5", "4", "3", "2", "1", "0"])
    }

    @Test func callSoonRunsInTheNextIteration() throws {
      let loop = try EventLoop()
      let log = Log()
      loop.callSoon {
        log.words.append("first")
        loop.callSoon {
          log.words.append("second")
          loop.stop()
        }
        log.words.append("end of first")
      }
      try loop.run()
      #expect(log.words == ["first", "end of first", "second"])
    }

    @Test func workOfOtherThreadsIsDoneInOrder() throws {
      let loop = try EventLoop()
      let mine = Signals.gettid
      let results = Results()
      try Threads.start(name: "submitter") {
        for number in 0..<1000 {
          loop.submit {
            results.done.withLock { $0.append(number) }
            _ = results.threads.withLock { $0.insert(Signals.gettid) }
          }
        }
        loop.submit { loop.stop() }
      }
      try loop.run()
      #expect(results.done.withLock { $0 } == Array(0..<1000))
      #expect(results.threads.withLock { $0 } == [mine])
    }

    private final class Results: Sendable {
      let done = Locked<[Int]>([])
      let threads = Locked<Set<Int32>>([])
    }

    @Test func stoppedBeforeItRunsItReturnsAtOnce() throws {
      let loop = try EventLoop()
      loop.stop()
      try loop.run()
      // And can be run again.
      let log = Log()
      loop.callSoon {
        log.words.append("again")
        loop.stop()
      }
      try loop.run()
      #expect(log.words == ["again"])
    }

    @Test func aDescriptorIsWatchedUntilItIsRemoved() throws {
      let loop = try EventLoop()
      let event = try Events.eventfd()
      try event.setNonblocking(true)
      let log = Log()
      var token: UInt64 = 0
      token = try loop.watch(event.raw, .read) { found in
        #expect(found.contains(.read))
        log.words.append("ready")
        // Level-triggered: what isn't drained calls back again.
        if log.words.count == 3 {
          loop.remove(token)
          loop.callSoon { loop.stop() }
        }
      }
      Events.write(event)
      try loop.run()
      #expect(log.words.count == 3)
      loop.remove(token)
    }
  }
}
