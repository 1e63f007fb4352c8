import ConcurrencyModels
import Glibc
import Synchronization
import SystemCalls
import TestSupport
import Testing

extension AllConcurrencyModelsTests {
  /// Descriptors that other threads have a loop watch.
  @Suite(.watched) struct ExternalWatchesTests {
    /// A loop on a thread of its own, until this goes.
    private final class Running: Sendable {
      let loop: EventLoop

      init() throws {
        loop = try EventLoop()
        let loop = self.loop
        try Threads.start(name: "loop") { try? loop.run() }
      }

      deinit { loop.stop() }

      /// What was ready before this has called back when it returns: two iterations have passed.
      func pass() {
        for _ in 0..<2 {
          let done = Flag()
          loop.submit { done.raise() }
          done.wait()
        }
      }
    }

    /// Something that a thread waits for, and another does.
    private final class Flag: Sendable {
      private let value = Atomic<Bool>(false)
      func raise() { value.store(true, ordering: .releasing) }
      var isUp: Bool { value.load(ordering: .acquiring) }
      func wait() { ExternalWatchesTests.waitUntil { isUp } }
    }

    private final class Counter: Sendable {
      private let value = Atomic<Int>(0)
      func add() { value.add(1, ordering: .acquiringAndReleasing) }
      var count: Int { value.load(ordering: .acquiring) }
    }

    private final class Event: Sendable {
      let descriptor: Descriptor
      init() throws { descriptor = try Events.eventfd() }
      var raw: Int32 { descriptor.raw }
      func signal() { Events.write(descriptor) }
      func drain() { Events.read(descriptor) }
    }

    /// Bounded by the watchdog.
    fileprivate static func waitUntil(_ condition: () -> Bool) {
      while !condition() { Clock.sleep(nanoseconds: 50_000) }
    }

    @Test func itCallsBackOnceUntilItIsRearmed() throws {
      let running = try Running()
      let (event, calls) = (try Event(), Counter())
      let token = try running.loop.watchOnce(event.raw, .read) { calls.add() }
      running.pass()
      #expect(calls.count == 0)
      event.signal()
      Self.waitUntil { calls.count == 1 }
      // It is still ready, but the watch was not rearmed.
      event.signal()
      for _ in 0..<5 { running.pass() }
      #expect(calls.count == 1)
      for expected in 2...20 {
        try running.loop.rearm(token)
        Self.waitUntil { calls.count == expected }
        running.pass()
        #expect(calls.count == expected)
      }
      event.drain()
      try running.loop.rearm(token)
      for _ in 0..<5 { running.pass() }
      #expect(calls.count == 20)
      running.loop.unwatch(token)
    }

    @Test func whatIsReadyAlreadyCallsBack() throws {
      let running = try Running()
      let (event, calls) = (try Event(), Counter())
      event.signal()
      let token = try running.loop.watchOnce(event.raw, .read) { calls.add() }
      Self.waitUntil { calls.count == 1 }
      running.loop.unwatch(token)
    }

    @Test func aRemovedWatchDoesNotCallBack() throws {
      let running = try Running()
      let (event, calls) = (try Event(), Counter())
      let token = try running.loop.watchOnce(event.raw, .read) { calls.add() }
      running.loop.unwatch(token)
      event.signal()
      for _ in 0..<5 { running.pass() }
      #expect(calls.count == 0)
      // The watch is removed: nothing happens.
      try running.loop.rearm(token)
      running.loop.unwatch(token)
      for _ in 0..<5 { running.pass() }
      #expect(calls.count == 0)
      // And it can be watched anew.
      let next = try running.loop.watchOnce(event.raw, .read) { calls.add() }
      #expect(next != token)
      Self.waitUntil { calls.count == 1 }
      running.loop.unwatch(next)
    }

    @Test(arguments: [DescriptorEvents.read.rawValue, DescriptorEvents.write.rawValue])
    func aHangUpIsReported(_ interest: UInt32) throws {
      let running = try Running()
      let isReader = interest == DescriptorEvents.read.rawValue
      let calls = Counter()
      let (reading, writing) = try PipeEnds.pipe2().take { ($0.release(), $1.release()) }
      let (mine, other) = isReader ? (reading, writing) : (writing, reading)
      if !isReader {
        // Full: only the hang-up makes it ready.
        _ = fcntl(mine, F_SETFL, O_NONBLOCK)
        let block = [UInt8](repeating: 1, count: 65536)
        for _ in 0..<1000 where unsafe write(mine, block, block.count) <= 0 { break }
      }
      let token = try running.loop.watchOnce(mine, DescriptorEvents(rawValue: interest)) { calls.add() }
      running.pass()
      #expect(calls.count == 0)
      close(other)
      Self.waitUntil { calls.count == 1 }
      // It stays ready: a rearmed watch calls back again.
      try running.loop.rearm(token)
      Self.waitUntil { calls.count == 2 }
      running.loop.unwatch(token)
      close(mine)
    }

    /// epoll(7) knows a descriptor once, and takes no files.
    @Test func whatCannotBeWatchedIsRefused() throws {
      let running = try Running()
      let event = try Event()
      let token = try running.loop.watchOnce(event.raw, .read) {}
      let twice = #expect(throws: SystemError.self) { _ = try running.loop.watchOnce(event.raw, .read) {} }
      #expect(twice?.number == EEXIST)
      let bad = #expect(throws: SystemError.self) { _ = try running.loop.watchOnce(-1, .read) {} }
      #expect(bad?.number == EBADF)
      let directory = try Files.open("/", .read, directory: true)
      let number = directory.raw
      let file = #expect(throws: SystemError.self) { _ = try running.loop.watchOnce(number, .read) {} }
      #expect(file?.number == EPERM)
      running.loop.unwatch(token)
    }

    /// The callback rearms its own watch, on the loop's thread.
    @Test func aCallbackMayRearmAndRemove() throws {
      let running = try Running()
      let (event, calls) = (try Event(), Counter())
      let token = Locked<UInt64?>(nil)
      let isForgotten = Flag()
      let loop = running.loop
      // Not `running`: it would never go.
      let made = try loop.watchOnce(event.raw, .read) { [weak loop] in
        calls.add()
        guard let loop, let mine = token.withLock({ $0 }) else { return }
        if calls.count < 1000 {
          try? loop.rearm(mine)
        } else {
          loop.unwatch(mine)
          isForgotten.raise()
        }
      }
      token.withLock { $0 = made }
      event.signal()
      isForgotten.wait()
      running.pass()
      #expect(calls.count == 1000)
    }

    /// Threads share the loop with descriptors of their own, whose numbers are used again and again.
    @Test func numbersThatAreUsedAgainBelongToTheirLastOwner() throws {
      let running = try Running()
      let done = [Flag(), Flag(), Flag()]
      let wrong = Counter()
      for flag in done {
        try Threads.start(name: "watcher") {
          for _ in 0..<2000 {
            let calls = Counter()
            guard let event = try? Event(),
              let token = try? running.loop.watchOnce(event.raw, .read, { calls.add() })
            else {
              wrong.add()
              break
            }
            event.signal()
            Self.waitUntil { calls.count > 0 }
            running.loop.unwatch(token)
            if calls.count != 1 { wrong.add() }
          }
          flag.raise()
        }
      }
      for flag in done { flag.wait() }
      #expect(wrong.count == 0)
    }

    /// One thread rearms while another removes: the only error is that the watch is gone, and no callback comes later.
    @Test func rearmingAndRemovingMayRace() throws {
      let running = try Running()
      for _ in 0..<500 {
        let (event, calls) = (try Event(), Counter())
        event.signal()
        let token = try running.loop.watchOnce(event.raw, .read) { calls.add() }
        let asked = Flag()
        try Threads.start(name: "asks") {
          for _ in 0..<20 { try? running.loop.rearm(token) }
          asked.raise()
        }
        running.loop.unwatch(token)
        asked.wait()
        // A callback that ran meanwhile has run.
        running.pass()
        let count = calls.count
        event.signal()
        running.pass()
        #expect(calls.count == count)
      }
    }
  }
}
