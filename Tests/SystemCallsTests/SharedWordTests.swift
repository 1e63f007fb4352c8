import Glibc
import Synchronization
import SystemCalls
import Testing

extension AllSystemCallsTests {
  @Suite struct SharedWordTests {
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

    @Test("a sleep lasts its timeout when nothing wakes it")
    func timeout() throws {
      let page = try Page()
      let start = Clock.now()
      // A signal may end a sleep early; so it is repeated until the time is over.
      while Clock.now() - start < 5_000_000 { page.word(8).futexWait(while: 0, nanoseconds: 5_000_000) }
      #expect(page.word(8).load() == 0)
      withExtendedLifetime(page) {}
    }

    @Test("a wake reaches a thread that sleeps, through another mapping too")
    func wake() throws {
      let page = try Page()
      // Attached a second time: the kernel knows the word by its page, not by its address.
      let again = try Segment(shmat: page.segment.id)!
      let there = unsafe SharedWord(again.bytes, at: 16)
      let answers = Locked<[UInt32]>([])
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

    @Test("words and counters hold what was stored; an exchange needs the expected value")
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
}
