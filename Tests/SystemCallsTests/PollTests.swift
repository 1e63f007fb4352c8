import Glibc
import SystemCalls
import Testing

extension AllSystemCallsTests {
  @Suite struct PollTests {
    @Test("a wait lasts at least its timeout")
    func deadlines() throws {
      let ends = try PipeEnds.pipe2()
      for nanoseconds: UInt64 in [0, 1, 1_000_000, 15_000_000] {
        let start = Clock.now()
        #expect(try !ppoll(ends.reading.raw, read: true, nanoseconds: nanoseconds))
        #expect(Clock.now() - start >= nanoseconds)
        var entries = [PollEntry(ends.reading.raw, read: true)]
        let again = Clock.now()
        #expect(try ppoll(&entries, nanoseconds: nanoseconds) == 0)
        #expect(Clock.now() - again >= nanoseconds)
        #expect(!entries[0].readable && !entries[0].writable && !entries[0].hungUp)
      }
    }

    @Test("each entry says whether its descriptor is ready")
    func readiness() throws {
      let full = try PipeEnds.pipe2()
      let empty = try PipeEnds.pipe2()
      _ = try write(full.writing.raw, [1])
      var entries = [
        PollEntry(full.reading.raw, read: true), PollEntry(empty.reading.raw, read: true),
        PollEntry(empty.writing.raw, write: true), PollEntry(full.reading.raw),
      ]
      #expect(try ppoll(&entries, nanoseconds: nil) == 2)
      #expect(entries.map(\.readable) == [true, false, false, false])
      #expect(entries.map(\.writable) == [false, false, true, false])
      #expect(!entries.contains { $0.hungUp })
    }

    @Test("a hang-up is reported, asked for or not, together with bytes left to read")
    func hangUps() throws {
      let ends = try OpenPipe.make()
      _ = try write(ends.input, [1])
      ends.writing = nil
      let reading = ends.output
      var entries = [PollEntry(reading, read: true), PollEntry(reading), PollEntry(1_000_000, read: true)]
      #expect(try ppoll(&entries, nanoseconds: nil) == 3)
      #expect(entries.map(\.readable) == [true, false, false])
      #expect(entries.map(\.hungUp) == [true, true, true])
      #expect(try ppoll(reading, nanoseconds: nil))
    }

    @Test("an entry without a descriptor is never ready; a wait for no entries is a pause")
    func noDescriptor() throws {
      var entries = [PollEntry(-1, read: true)]
      #expect(try ppoll(&entries, nanoseconds: 1000) == 0)
      var none: [PollEntry] = []
      #expect(try ppoll(&none, nanoseconds: 1000) == 0)
    }

    #if DEBUG
      @Test("a signal doesn't end a wait")
      func interrupted() throws {
        let ends = try PipeEnds.pipe2()
        let raw = ends.reading.raw
        let start = Clock.now()
        let fired = try Faults.with([Faults.Plan(.ppoll, at: 1, .errno(EINTR))]) { () throws(SystemError) in
          #expect(try !ppoll(raw, read: true, nanoseconds: 5_000_000))
        }
        #expect(fired == [true])
        #expect(Clock.now() - start >= 5_000_000)
      }
    #endif
  }
}
