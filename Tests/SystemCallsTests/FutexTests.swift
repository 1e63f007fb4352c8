import Glibc
import Synchronization
import SystemCalls
import Testing

extension AllSystemCallsTests {
  @Suite struct FutexTests {
    /// A page of memory, as a shared segment would be.
    final class Page: Sendable {
      let segment: Segment

      init() throws {
        segment = try Segment(shmget: 4096)
        try Segment.shmctl(remove: segment.id)
      }

      func word(_ offset: Int) -> SharedWord { unsafe SharedWord(segment.bytes, at: offset) }
      func counter(_ offset: Int) -> SharedCounter { unsafe SharedCounter(segment.bytes, at: offset) }
    }

    @Test("sleeping on a word that has another value returns at once")
    func changedWord() throws {
      let page = try Page()
      page.word(0).store(5)
      page.word(0).futexWait(while: 4, nanoseconds: nil)
      #expect(page.word(0).load() == 5)
      withExtendedLifetime(page) {}
    }

    @Test("a sleep lasts its time when nothing happens")
    func timeout() throws {
      let page = try Page()
      let start = Clock.now()
      // A signal may end it early, which the caller has to expect; so it is repeated until the time is over.
      while Clock.now() - start < 5_000_000 { page.word(8).futexWait(while: 0, nanoseconds: 5_000_000) }
      #expect(page.word(8).load() == 0)
      withExtendedLifetime(page) {}
    }

    @Test("a wake reaches a thread that sleeps, through another mapping too")
    func wake() throws {
      let page = try Page()
      // Attached a second time: the kernel knows the word by its page, not by its address.
      let again = try Segment(shmat: page.segment.id)
      let there = unsafe SharedWord(again.bytes, at: 16)
      let answers = Mutex<[UInt32]>([])
      let done = try PipeEnds.pipe2()
      let raw = done.writing.raw
      try withThread {
        let word = page.word(16)
        while word.load() == 0 { word.futexWait(while: 0, nanoseconds: nil) }
        answers.withLock { $0.append(word.load()) }
        _ = try? write(raw, [1])
      } whileRunning: {
        there.store(9)
        there.futexWake()
        _ = try read(done.reading.raw, 1)
      }
      #expect(answers.withLock { $0 } == [9])
      withExtendedLifetime(page) {}
    }

    private func withThread(
      _ body: @escaping @Sendable () -> Void, whileRunning: () throws -> Void
    ) throws {
      try Threads.start(name: "test", body)
      try whileRunning()
    }

    @Test("words and counters hold what was stored, and an exchange needs what is there")
    func words() throws {
      let page = try Page()
      #expect(page.word(0).compareExchange(0, 7))
      #expect(!page.word(0).compareExchange(0, .max))
      #expect(page.word(0).compareExchange(7, .max))
      #expect(page.word(0).relaxed() == .max)
      #expect(page.word(4).load() == 0)
      page.counter(4088).store(.max)
      #expect(page.counter(4088).load() == .max)
      #expect(page.word(4092).load() == .max)
      withExtendedLifetime(page) {}
    }
  }

  @Suite struct ThreadsTests {
    @Test("a thread has its name, blocks every signal, and leaves the starter's mask alone")
    func maskAndName() throws {
      let done = try PipeEnds.pipe2()
      let raw = done.writing.raw
      var before = sigset_t()
      unsafe pthread_sigmask(SIG_SETMASK, nil, &before)
      try Threads.start(name: "ipc-test-name") {
        let text = (try? Files.readText("/proc/thread-self/status")) ?? ""
        _ = try? write(raw, Array(text.utf8.prefix(4096)))
      }
      let status = String(decoding: try read(done.reading.raw, 4096), as: UTF8.self)
      let fields = Dictionary(
        status.split(separator: "\n").map { line in
          let parts = line.split(separator: "\t", maxSplits: 1)
          return (String(parts[0]), parts.count > 1 ? String(parts[1]) : "")
        }, uniquingKeysWith: { first, _ in first })
      #expect(fields["Name:"] == "ipc-test-name")
      let blocked = try #require(UInt64(fields["SigBlk:"] ?? "", radix: 16))
      for signal in [SIGINT, SIGTERM, SIGUSR1, SIGCHLD, SIGALRM, SIGPIPE] {
        #expect(blocked & (1 << UInt64(signal - 1)) != 0, "signal \(signal) isn't blocked")
      }
      var after = sigset_t()
      unsafe pthread_sigmask(SIG_SETMASK, nil, &after)
      for signal in 1..<32 {
        let (was, now) = unsafe (sigismember(&before, Int32(signal)), sigismember(&after, Int32(signal)))
        #expect(was == now)
      }
    }

    @Test("what a thread was given goes when it has run")
    func bodyIsReleased() throws {
      final class Witness: Sendable {
        let raw: Int32
        init(_ raw: Int32) { self.raw = raw }
        deinit { _ = try? write(raw, [1]) }
      }
      let done = try PipeEnds.pipe2()
      let raw = done.writing.raw
      for _ in 0..<20 {
        do {
          let witness = Witness(raw)
          try Threads.start(name: "a name of more than fifteen bytes") { _ = witness.raw }
        }
        #expect(try read(done.reading.raw, 1) == [1])
      }
    }
  }
}
