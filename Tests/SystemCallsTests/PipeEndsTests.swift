import Glibc
import SystemCalls
import Testing

extension AllSystemCallsTests {
  @Suite struct PipeEndsTests {
    @Test("a pipe is closed on exec, and its reader reads the end when the last writer closes")
    func pipeEnds() throws {
      let ends = try OpenPipe.make()
      #expect(closesOnExec(ends.input) && closesOnExec(ends.output))
      _ = try write(ends.input, [1, 2])
      var copy: Descriptor? = try ends.writing!.duplicate()
      ends.writing = nil
      #expect(try read(ends.output, 8) == [1, 2])
      // The copy still keeps the pipe open.
      #expect(throws: SystemError(EAGAIN, .preadv2)) { _ = try read(ends.output, 8, wait: false) }
      let copied = copy != nil
      copy = nil
      #expect(copied)
      #expect(try read(ends.output, 8) == [])
    }
  }
}
