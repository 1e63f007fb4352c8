import Glibc
import SystemCalls
import Testing

extension AllSystemCallsTests {
  @Suite struct DescriptorTests {
    @Test("a descriptor closes when it goes out of scope, and only then")
    func closesAtTheEndOfItsScope() throws {
      let raw: Int32
      do {
        let event = try Events.eventfd()
        raw = event.raw
        #expect(isOpen(raw))
        #expect(closesOnExec(raw))
      }
      #expect(!isOpen(raw))
    }

    private final class Holder {
      private let descriptor: Descriptor
      var raw: Int32 { descriptor.raw }
      init(_ descriptor: consuming Descriptor) { self.descriptor = descriptor }
    }

    @Test("a descriptor closes once: the next one with its number stays open")
    func closesOnce() throws {
      var holders: [Holder] = [Holder(try Events.eventfd())]
      let number = holders[0].raw
      holders = []
      let second = try Events.eventfd()
      // The kernel gives out the lowest free number, which is the one that was closed.
      #expect(second.raw == number)
      #expect(isOpen(number))
    }

    @Test("a released descriptor stays open until the caller closes it")
    func releaseGivesItAway() throws {
      let raw = try Events.eventfd().release()
      #expect(isOpen(raw))
      #expect(close(raw) == 0)
    }

    @Test("moving a descriptor doesn't close it")
    func movesDontClose() throws {
      func take(_ descriptor: consuming Descriptor) -> Int32 { descriptor.release() }
      let event = try Events.eventfd()
      let raw = take(event)
      #expect(isOpen(raw))
      close(raw)
    }

    @Test(
      "a duplicate is another descriptor of the same file, closed on exec, numbered above the standard ones")
    func duplicates() throws {
      let ends = try PipeEnds.pipe2()
      let copy = try ends.writing.duplicate()
      #expect(copy.raw != ends.writing.raw)
      #expect(copy.raw > 2)
      #expect(closesOnExec(copy.raw))
      #expect(try write(copy.raw, [7]) == 1)
      #expect(try read(ends.reading.raw, 8) == [7])
      #expect(throws: SystemError(EBADF, .fcntl)) {
        let none = Descriptor(owning: 1_000_000)
        _ = try none.duplicate()
      }
    }

    @Test("non-blocking mode is set and cleared; duplicates share it, a reopened descriptor doesn't")
    func nonblockingMode() throws {
      let ends = try PipeEnds.pipe2()
      let reopened = try ends.reading.reopenedNonblocking(writing: false)
      #expect(isNonblocking(reopened.raw))
      #expect(!isNonblocking(ends.reading.raw))
      #expect(closesOnExec(reopened.raw))
      let copy = try ends.reading.duplicate()
      try ends.reading.setNonblocking(true)
      #expect(isNonblocking(copy.raw))
      try copy.setNonblocking(false)
      #expect(!isNonblocking(ends.reading.raw))
      #expect(try write(ends.writing.raw, [5]) == 1)
      #expect(try read(reopened.raw, 8) == [5])
    }

    /// The calls that make descriptors, each returning the numbers of what it made.
    private static let makers: [(call: String, make: @Sendable () throws -> [Int32])] = [
      (
        "pipe2",
        {
          let ends = try PipeEnds.pipe2(); return [ends.reading.raw, ends.writing.raw]
        }
      ),
      ("open", { [try Files.open("/dev/null", .read).raw] }),
      ("eventfd", { [try Events.eventfd().raw] }),
      ("epoll_create1", { [try Epoll().raw] }),
      ("memfd_create", { [try MemoryFile.memfdCreate().raw] }),
      (
        "socketpair",
        {
          let ends = try Sockets.socketpair(.packet); return [ends.one.raw, ends.other.raw]
        }
      ),
      ("socket", { [try Sockets.socket(unix: .stream).raw] }),
      ("pidfd_open", { [try Processes.pidfdOpen(getpid()).raw] }),
      (
        "mq_open",
        {
          let name = "/swift-ipc-test-\(getpid())"
          defer { try? POSIXQueues.mqUnlink(name) }
          let made = try POSIXQueues.mqOpen(creating: name, messages: 1, size: 1)
          return [made.raw, try POSIXQueues.mqOpen(name).raw]
        }
      ),
      (
        "accept4",
        {
          let address = try Internet.getaddrinfo(host: "127.0.0.1", port: 0, passive: true)[0]
          let listener = try Internet.socket(address)
          try Internet.bind(listener, address)
          try Sockets.listen(listener)
          let sending = try Internet.socket(address)
          _ = try Internet.connect(sending, try Internet.getsockname(listener), nanoseconds: nil)
          return [listener.raw, sending.raw, try Sockets.accept(listener).raw]
        }
      ),
      (
        "recvmsg",
        {
          let ends = try Sockets.socketpair(.stream)
          try Sockets.sendmsg(descriptor: ends.one, over: ends.one)
          switch try Sockets.recvmsgDescriptor(over: ends.other) {
          case .some(let received): return [received.raw]
          case .none: return []
          }
        }
      ),
      (
        "reopening",
        {
          let ends = try PipeEnds.pipe2()
          return [try ends.reading.reopenedNonblocking(writing: false).raw]
        }
      ),
    ]

    @Test("no call gives a descriptor the number of a standard stream", arguments: makers.map(\.call))
    func standardStreamsStayFree(_ call: String) throws {
      let make = try #require(Self.makers.first { $0.call == call }).make
      // This process without standard input: the kernel gives out 0 next.
      let saved = try #require(Optional(fcntl(0, F_DUPFD_CLOEXEC, 100)))
      close(0)
      let made = Result { try make() }
      let isFree = !isOpen(0)
      if !isFree { close(0) }
      if saved >= 0 {
        dup2(saved, 0)
        close(saved)
      }
      #expect(isFree, "what the call made first is closed again")
      #expect(try !made.get().isEmpty)
      #expect(try made.get().allSatisfy { $0 > 2 })
    }
  }
}
