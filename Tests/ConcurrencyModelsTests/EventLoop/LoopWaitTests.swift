import ConcurrencyModels
import Glibc
import SystemCalls
import TestSupport
import Testing

extension AllConcurrencyModelsTests {
  /// What a task on an event loop waits for: descriptors and time.
  @Suite(.watched) struct LoopWaitTests {
    private static let hour: UInt64 = 3_600_000_000_000

    /// A descriptor that closures share.
    private final class Shared: Sendable {
      let descriptor: Descriptor
      init(_ descriptor: consuming Descriptor) { self.descriptor = descriptor }
      var raw: Int32 { descriptor.raw }
    }

    private func event(_ initial: UInt32 = 0) throws -> Shared { Shared(try Events.eventfd(initial)) }

    private func pipe() throws -> (reading: Shared, writing: Shared) {
      let ends = try PipeEnds.pipe2()
      return ends.take { (Shared($0), Shared($1)) }
    }

    // MARK: Descriptors

    @Test func whatIsReadyIsFoundAtOnce() throws {
      let loop = try EventLoop()
      let event = try event(1)
      let (reading, writing) = try pipe()
      try loop.run { () async throws in
        #expect(try await loop.ready(event.raw, .read).contains(.read))
        #expect(try await loop.ready(event.raw, .write).contains(.write))
        #expect(try await loop.ready(writing.raw, .write) == .write)
        // Asking doesn't take anything.
        #expect(try await loop.ready(event.raw, .read).contains(.read))
      }
      withExtendedLifetime(reading) {}
    }

    @Test func itWaitsUntilThereIsSomethingToRead() throws {
      let loop = try EventLoop()
      let event = try event()
      let words = try loop.run {
        let log = Log<String>()
        async let reader: Void = { () async throws in
          #expect(try await loop.ready(event.raw, .read).contains(.read))
          log.add("ready")
        }()
        try await loop.sleep(nanoseconds: 1_000_000)
        log.add("signals")
        Events.write(event.descriptor)
        try await reader
        return log.entries
      }
      #expect(words == ["signals", "ready"])
    }

    @Test func anotherThreadMayMakeItReady() throws {
      let loop = try EventLoop()
      let event = try event()
      let mine = Threads.current
      try loop.run {
        for _ in 0..<100 {
          try Threads.start(name: "signals") { Events.write(event.descriptor) }
          #expect(try await loop.ready(event.raw, .read).contains(.read))
          #expect(Threads.current == mine)
          Events.read(event.descriptor)
        }
      }
    }

    @Test func itWaitsUntilThereIsRoomToWrite() throws {
      let loop = try EventLoop()
      let (reading, writing) = try pipe()
      try writing.descriptor.setNonblocking(true)
      let block = [UInt8](repeating: 7, count: 4096)
      var written = 0
      for _ in 0..<100_000 {
        let count = unsafe write(writing.raw, block, block.count)
        if count < 0 { break }
        written += count
      }
      #expect(written > 0)
      let all = written
      let words = try loop.run {
        let log = Log<String>()
        async let writer: Void = { () async throws in
          #expect(try await loop.ready(writing.raw, .write).contains(.write))
          log.add("room")
        }()
        try await loop.sleep(nanoseconds: 1_000_000)
        log.add("empties")
        var left = all
        var bytes = [UInt8](repeating: 0, count: 4096)
        while left > 0 {
          #expect(try await loop.ready(reading.raw, .read).contains(.read))
          let count = unsafe read(reading.raw, &bytes, bytes.count)
          try #require(count > 0)
          left -= count
        }
        try await writer
        return log.entries
      }
      #expect(words == ["empties", "room"])
    }

    @Test func theEndOfAPipeIsReported() throws {
      let loop = try EventLoop()
      let (reading, writing) = try PipeEnds.pipe2().take { (Shared($0), $1.release()) }
      let found = try loop.run {
        async let found = loop.ready(reading.raw, .read)
        try await loop.sleep(nanoseconds: 1_000_000)
        close(writing)
        return try await found
      }
      #expect(found.contains(.hangUp))
    }

    @Test func aBadDescriptorThrows() throws {
      let loop = try EventLoop()
      try loop.run {
        let error = await #expect(throws: EventLoopError.self) { try await loop.ready(-1, .read) }
        #expect(error?.errno == EBADF)
        // epoll doesn't take files.
        let file = Shared(try Files.open("/", .read, directory: true))
        let other = await #expect(throws: EventLoopError.self) { try await loop.ready(file.raw, .read) }
        #expect(other?.errno == EPERM)
        // The loop continues.
        try await loop.sleep(nanoseconds: 1000)
      }
    }

    /// epoll knows a descriptor once.
    @Test func twoDoNotWaitForOneDescriptor() throws {
      let loop = try EventLoop()
      let event = try event()
      try loop.run {
        async let first = loop.ready(event.raw, .read)
        try await loop.sleep(nanoseconds: 1_000_000)
        let error = await #expect(throws: EventLoopError.self) { try await loop.ready(event.raw, .read) }
        #expect(error?.errno == EEXIST)
        Events.write(event.descriptor)
        #expect(try await first.contains(.read))
        // Now it is free.
        #expect(try await loop.ready(event.raw, .read).contains(.read))
      }
    }

    // MARK: Time

    @Test func aSleepIsNotTooShort() throws {
      let loop = try EventLoop()
      let start = Clock.now()
      try loop.run {
        try await loop.sleep(nanoseconds: 0)
        try await loop.sleep(nanoseconds: 20_000_000)
      }
      #expect(Clock.now() - start >= 20_000_000)
    }

    @Test func sleepersWakeInTheirOrder() throws {
      let loop = try EventLoop()
      let order = try loop.run {
        let log = Log<Int>()
        try await withThrowingTaskGroup(of: Void.self) { group in
          for number in [3, 1, 4, 0, 2] {
            group.addTask {
              try await loop.sleep(nanoseconds: UInt64(number) * 5_000_000)
              log.add(number)
            }
          }
          try await group.waitForAll()
        }
        return log.entries
      }
      #expect(order == [0, 1, 2, 3, 4])
    }

    @Test
    func aSleepForEverIsLong() throws {
      let loop = try EventLoop()
      let hasEnded = try loop.run {
        try await withThrowingTaskGroup(of: Bool.self) { group in
          group.addTask {
            try? await loop.sleep(nanoseconds: .max)
            return !Task.isCancelled
          }
          group.addTask {
            try await loop.sleep(nanoseconds: 10_000_000)
            return false
          }
          defer { group.cancelAll() }
          return try await group.next() ?? true
        }
      }
      #expect(!hasEnded)
    }

    // MARK: Cancellation

    /// Of each kind of wait, one that doesn't end by itself.
    private enum Wait: CaseIterable, Sendable {
      case ready, sleep

      func wait(_ loop: EventLoop, _ event: Shared) async throws {
        switch self {
        case .ready: _ = try await loop.ready(event.raw, .read)
        case .sleep: try await loop.sleep(nanoseconds: hour)
        }
      }
    }

    @Test(arguments: Wait.allCases) private func aWaitIsCancelledAtOnce(_ kind: Wait) throws {
      let loop = try EventLoop()
      let event = try event()
      try loop.run {
        for _ in 0..<10 {
          let task = Task(executorPreference: loop) { try await kind.wait(loop, event) }
          try await loop.sleep(nanoseconds: 100_000)
          task.cancel()
          await #expect(throws: CancellationError.self) { try await task.value }
        }
        // No task waits for it any more, so another can.
        Events.write(event.descriptor)
        #expect(try await loop.ready(event.raw, .read).contains(.read))
      }
    }

    @Test(arguments: Wait.allCases) private func anotherThreadMayCancelIt(_ kind: Wait) throws {
      let loop = try EventLoop()
      let event = try event()
      let mine = Threads.current
      try loop.run {
        for round in 0..<50 {
          let task = Task(executorPreference: loop) {
            defer { #expect(Threads.current == mine) }
            try await kind.wait(loop, event)
          }
          // While it waits already, and while it perhaps doesn't yet.
          if round.isMultiple(of: 2) { try await loop.sleep(nanoseconds: 100_000) }
          try Threads.start(name: "cancels") { task.cancel() }
          await #expect(throws: CancellationError.self) { try await task.value }
        }
      }
    }

    @Test(arguments: Wait.allCases) private func cancelledBeforeItDoesNotWait(_ kind: Wait) throws {
      let loop = try EventLoop()
      let event = try event()
      try loop.run { () async throws in
        let task = Task(executorPreference: loop) {
          unsafe withUnsafeCurrentTask { unsafe $0?.cancel() }
          try await kind.wait(loop, event)
        }
        await #expect(throws: CancellationError.self) { try await task.value }
        Events.write(event.descriptor)
        #expect(try await loop.ready(event.raw, .read).contains(.read))
      }
    }

    /// It is ready in the same moment: one or the other, and nothing hangs.
    @Test func cancelledWhileItGetsReady() throws {
      let loop = try EventLoop()
      let event = try event()
      let ends = try loop.run {
        var ends: Set<String> = []
        for _ in 0..<200 {
          let task = Task(executorPreference: loop) { try await loop.ready(event.raw, .read) }
          try await loop.sleep(nanoseconds: 1000)
          try Threads.start(name: "cancels") { task.cancel() }
          Events.write(event.descriptor)
          do {
            #expect(try await task.value.contains(.read))
            ends.insert("ready")
          } catch {
            #expect(error is CancellationError)
            ends.insert("cancelled")
          }
          Events.read(event.descriptor)
        }
        return ends
      }
      #expect(!ends.isEmpty)
    }
  }
}
