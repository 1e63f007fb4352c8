import Glibc
import SystemCalls
import Testing

extension AllSystemCallsTests {
  @Suite struct SignalsTests {
    @Test("numbers queued to a thread arrive there, in order")
    func order() throws {
      let results = try PipeEnds.pipe2()
      let raw = results.writing.raw
      // Threads of the library block every signal, as sigwaitinfo(2) needs.
      try Threads.start(name: "test") {
        _ = try? write(raw, [UInt8](unsafe withUnsafeBytes(of: Signals.gettid) { unsafe Array($0) }))
        for _ in 0..<3 {
          guard let found = try? Signals.sigwaitinfo() else { continue }
          _ = try? write(raw, [UInt8(truncatingIfNeeded: found)])
        }
      }
      let bytes = try read(results.reading.raw, 4)
      let thread = bytes.enumerated().reduce(Int32(0)) { $0 | Int32($1.element) << (8 * Int32($1.offset)) }
      for value: Int32 in [7, 8, 9] {
        try Signals.rtTgsigqueueinfo(value, process: CurrentProcess.process, thread: thread)
      }
      var found: [UInt8] = []
      while found.count < 3 { found += try read(results.reading.raw, 8) }
      #expect(found == [7, 8, 9])
    }
  }
}
