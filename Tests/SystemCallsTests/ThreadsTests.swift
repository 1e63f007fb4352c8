import Glibc
import Synchronization
import SystemCalls
import Testing

extension AllSystemCallsTests {
  @Suite struct ThreadsTests {
    @Test("a thread has its name, blocks every signal, and leaves the caller's mask unchanged")
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

    @Test("a broadcast wakes every thread that waits, and a check that is true at once doesn't wait")
    func conditions() throws {
      final class Shared: Sendable {
        let changed = Condition()
        let waiting = Atomic<Int>(0)
        let turn = Atomic<Int>(0)
      }
      let shared = Shared()
      #expect(shared.changed.wait { 1 } == 1)
      let done = try PipeEnds.pipe2()
      let raw = done.writing.raw
      let threads = 4
      for _ in 0..<threads {
        try Threads.start(name: "waits") {
          for round in 1...100 {
            shared.waiting.add(1, ordering: .sequentiallyConsistent)
            shared.changed.wait { shared.turn.load(ordering: .sequentiallyConsistent) >= round ? () : nil }
          }
          _ = try? write(raw, [1])
        }
      }
      for round in 1...100 {
        while shared.waiting.load(ordering: .sequentiallyConsistent) < threads * round { sched_yield() }
        shared.turn.store(round, ordering: .sequentiallyConsistent)
        shared.changed.broadcast()
      }
      for _ in 0..<threads { #expect(try read(done.reading.raw, 1) == [1]) }
    }

    @Test("a thread's body is released when it has run")
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
