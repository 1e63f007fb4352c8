import Glibc
import SystemCalls
import Testing

extension AllSystemCallsTests {
  @Suite struct StreamsTests {
    @Test("a pipe's capacity is read and set, and a pipe holds exactly that much")
    func capacity() throws {
      let ends = try PipeEnds.pipe2()
      try Streams.fcntl(ends.writing, pipeSize: 8192)
      #expect(try Streams.fcntl(pipeSize: ends.reading) == 8192)
      let block = [UInt8](repeating: 1, count: 4096)
      var written = 0
      for _ in 0..<2 { written += try write(ends.writing.raw, block, wait: false) }
      #expect(written == 8192)
      #expect(throws: SystemError(EAGAIN, .pwritev2)) { _ = try write(ends.writing.raw, [1], wait: false) }
    }

    @Test("writing without a reader is an error, not a signal")
    func brokenPipe() throws {
      Streams.ignoreSIGPIPE
      let ends = try OpenPipe.make()
      ends.reading = nil
      #expect(throws: SystemError(EPIPE, .writev)) { _ = try write(ends.input, [1]) }
    }

    @Test("a read of an empty pipe that doesn't wait throws EAGAIN, and returns 0 bytes at the end")
    func emptyPipe() throws {
      let ends = try OpenPipe.make()
      #expect(throws: SystemError(EAGAIN, .preadv2)) { _ = try read(ends.output, 8, wait: false) }
      ends.writing = nil
      #expect(try read(ends.output, 8) == [])
      #expect(try read(ends.output, 8, wait: false) == [])
    }
  }
}
