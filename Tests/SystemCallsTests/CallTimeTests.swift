import Glibc
import SystemCalls
import TestSupport
import Testing

extension AllSystemCallsTests {
  @Suite(.serialized) struct CallTimeTests {
    private static let calls = 500

    /// What this thread's calls cost, and all its CPU time meanwhile.
    private func timed(_ body: () throws -> Void) rethrows -> (counted: CallTime.Reading, cpu: UInt64) {
      CallTime.start()
      defer { CallTime.stop() }
      let before = CallTime.reading
      let start = Clock.cpuOfThread()
      try body()
      return (CallTime.reading.since(before), Clock.cpuOfThread() - start)
    }

    @Test func callsAreCountedAndTimed() throws {
      let (counted, cpu) = try timed {
        for _ in 0..<Self.calls { _ = try Files.stat("/") }
      }
      #expect(counted.calls >= UInt64(Self.calls))
      // Looking up a file takes some hundred nanoseconds, and no more than all that the thread used.
      #expect(counted.nanoseconds / counted.calls > 50)
      #expect(counted.nanoseconds < cpu)
      #expect(counted.timing < cpu)
    }

    @Test("a call that sleeps costs the CPU time of its beginning and its end")
    func sleepIsNoCPUTime() throws {
      let pipe = try PipeEnds.pipe2()
      let start = Clock.now()
      let (counted, _) = try timed {
        for _ in 0..<10 { _ = try ppoll(pipe.reading.raw, read: true, nanoseconds: 2_000_000) }
      }
      let slept = Clock.now() - start
      #expect(slept >= 20_000_000)
      #expect(counted.calls >= 10)
      #expect(counted.nanoseconds < slept / 2)
    }

    @Test func nothingIsCountedWhereItIsOff() throws {
      let before = CallTime.reading
      for _ in 0..<Self.calls { _ = try Files.stat("/") }
      #expect(CallTime.reading == before)
    }

    @Test("the scheduler's times: CPU time, and how often a thread slept")
    func timesOfAThread() throws {
      let times = try ThreadTimes()
      let start = times.now()
      let process = TimesUsed.ofProcess()
      for _ in 0..<5 { Clock.sleep(nanoseconds: 1_000_000) }
      var sum: UInt64 = 0
      while Clock.cpuOfThread() - start.cpu < 3_000_000 { sum &+= 1 }
      let used = times.now().since(start)
      #expect(sum > 0)
      #expect(used.sleeps >= 5)
      #expect(used.cpu >= 3_000_000)
      let all = TimesUsed.ofProcess().since(process)
      #expect(all.sleeps >= 5)
      // Its start was read after that of the thread.
      #expect(all.cpu >= 1_000_000)
    }
  }
}
