import Glibc
import SystemCalls
import Testing

extension AllSystemCallsTests {
  /// Every errno of the library comes through `system(_:_:)`, so it is tested with every call.
  @Suite struct GateTests {
    @Test("an interrupted call is made again, as often as it takes")
    func interruptedCallsAreRetried() throws {
      var made = 0
      let result = try system(.read) { () -> Int in
        made += 1
        if made < 5 {
          errno = EINTR
          return -1
        }
        return 42
      }
      #expect(result == 42)
      #expect(made == 5)
    }

    @Test("any other errno is thrown with the name of its call", arguments: SystemCall.allCases)
    func errnoNamesItsCall(call: SystemCall) {
      for number in [EAGAIN, EPIPE, ENOENT, EIDRM, EPERM, ENOSPC] {
        var made = 0
        #expect(throws: SystemError(number, call)) {
          try system(call) { () -> Int in
            made += 1
            errno = number
            return -1
          }
        }
        #expect(made == 1, "a refused call isn't made again")
      }
    }

    @Test("a stale errno doesn't turn a success into an error")
    func staleErrnoIsIgnored() throws {
      errno = EIO
      #expect(try system(.read) { 0 } == 0)
      #expect(try system(.read) { Int32(-2) } == -2, "only -1 is an error")
    }

    #if DEBUG
      @Test("an injected EINTR is retried, at any call", arguments: 1...4)
      func injectedInterruptsAreRetried(at: Int) throws {
        var made = 0
        let fired = try Faults.with([Faults.Plan(.read, at: at, .errno(EINTR))]) { () throws(SystemError) in
          for _ in 0..<4 {
            try system(.read) {
              made += 1; return 0
            }
          }
        }
        #expect(made == 4)
        #expect(fired == [true])
      }

      @Test("a signal ends a wait with a timeout: its caller waits for what is left")
      func interruptedWaitsEnd() throws {
        let set = try SemaphoresTests.SemaphoreSet([0])
        let step = Semaphores.Steps(Semaphores.Operation(0, -1))
        #expect(throws: SystemError(EINTR, .semtimedop)) {
          // The first call is the try, which doesn't wait.
          _ = try Faults.with([Faults.Plan(.semtimedop, at: 2, .errno(EINTR))]) { () throws(SystemError) in
            try Semaphores.semtimedop(set.id, step, nanoseconds: 60_000_000_000)
          }
        }
        let fired = try Faults.with([Faults.Plan(.epollWait, at: 1, .errno(EINTR))]) {
          () throws(SystemError) in
          #expect(try Epoll().wait(milliseconds: 60_000).isEmpty)
        }
        #expect(fired == [true])
      }

      @Test("an injected errno is thrown instead of making the call", arguments: 1...3)
      func injectedErrnoIsThrown(at: Int) {
        var made = 0
        #expect(throws: SystemError(ENOMEM, .shmget)) {
          _ = try Faults.with([Faults.Plan(.shmget, at: at, .errno(ENOMEM))]) { () throws(SystemError) in
            for _ in 0..<4 {
              try system(.shmget) {
                made += 1; return 0
              }
            }
          }
        }
        #expect(made == at - 1)
        // The plan is removed with the body that threw.
        #expect(throws: Never.self) { try system(.shmget) { 0 } }
      }

      @Test("a plan is for one call, and reports that it never fired")
      func plansAreForOneKind() throws {
        let plans = [
          Faults.Plan(.read, at: 3, .errno(EIO)), Faults.Plan(.sendmsg, at: 1, .errno(EPIPE)),
        ]
        let fired = try Faults.with(plans) { () throws(SystemError) in
          for _ in 0..<2 { try system(.read) { 0 } }
          for _ in 0..<9 { try system(.writev) { 0 } }
        }
        #expect(fired == [false, false])
      }

      @Test("reads are short where a plan says so, and lose nothing")
      func shortReads() throws {
        let ends = try PipeEnds.pipe2()
        let sent = [UInt8](0..<20)
        #expect(try write(ends.writing.raw, sent) == 20)
        var got: [[UInt8]] = []
        let plans = [Faults.Plan(.read, at: 1, .short(3)), Faults.Plan(.read, at: 2, .errno(EINTR))]
        let raw = ends.reading.raw
        let fired = try Faults.with(plans) { () throws(SystemError) in
          got.append(try read(raw, 8))
          got.append(try read(raw, 8))
        }
        got.append(try read(raw, 64))
        #expect(fired == [true, true])
        #expect(got.map(\.count) == [3, 8, 9])
        #expect(got.flatMap { $0 } == sent)
      }

      @Test("a short write of two pieces is cut at any byte, in order")
      func shortWrites() throws {
        let ends = try PipeEnds.pipe2()
        let bytes = [UInt8](1...16)
        for cut in 0...16 {
          for most in 1...16 {
            var count = 0
            _ = try Faults.with([Faults.Plan(.writev, at: 1, .short(most))]) { () throws(SystemError) in
              count = try write(ends.writing.raw, bytes, cut: cut)
            }
            #expect(count == most)
            #expect(try read(ends.reading.raw, 64) == Array(bytes[..<most]))
          }
        }
      }
    #endif
  }
}
