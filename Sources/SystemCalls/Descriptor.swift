import CSystem
import Glibc

/// Owns a file descriptor: closes it when it goes out of scope.
package struct Descriptor: ~Copyable, Sendable {
  /// The number, for a call. Borrowed: whoever reads it must not close it.
  package let raw: Int32

  package init(owning raw: Int32) { self.raw = raw }

  deinit { _ = Glibc.close(raw) }

  /// Gives the number away: the caller closes it.
  package consuming func release() -> Int32 {
    let raw = self.raw
    discard self
    return raw
  }

  /// A second descriptor of the same open file, closed on exec.
  package func duplicate() throws(SystemError) -> Descriptor {
    Descriptor(owning: try system(.fcntl) { fcntl(raw, F_DUPFD_CLOEXEC, 3) })
  }

  /// The same file opened once more, in non-blocking mode, which is the open file's and so not shared with this
  /// descriptor's. open(2) of /proc/self/fd.
  package func reopenedNonblocking(writing: Bool) throws(SystemError) -> Descriptor {
    Descriptor(
      owning: try system(.open) {
        unsafe Glibc.open("/proc/self/fd/\(raw)", (writing ? O_WRONLY : O_RDONLY) | O_NONBLOCK | O_CLOEXEC)
      })
  }

  package func setNonblocking(_ on: Bool) throws(SystemError) {
    let flags = try system(.fcntl) { fcntl(raw, F_GETFL) }
    let wanted = on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK
    if wanted != flags { try system(.fcntl) { fcntl(raw, F_SETFL, wanted) } }
  }
}

/// The two ends of a pipe.
package struct PipeEnds: ~Copyable {
  package var reading: Descriptor
  package var writing: Descriptor

  /// pipe2(2), closed on exec.
  package init() throws(SystemError) {
    var pair: (Int32, Int32) = (-1, -1)
    try system(.pipe2) {
      unsafe withUnsafeMutableBytes(of: &pair) { bytes in
        unsafe csystem_pipe2(bytes.baseAddress!.assumingMemoryBound(to: Int32.self), O_CLOEXEC)
      }
    }
    reading = Descriptor(owning: pair.0)
    writing = Descriptor(owning: pair.1)
  }

  /// Takes the pair apart: the reading end first.
  package consuming func take<Result: ~Copyable>(
    _ body: (consuming Descriptor, consuming Descriptor) -> Result
  ) -> Result {
    body(reading, writing)
  }
}

/// The bytes that a pipe holds (fcntl F_GETPIPE_SZ), and asking for more (F_SETPIPE_SZ; up to
/// /proc/sys/fs/pipe-max-size without privilege).
package enum PipeCapacity {
  package static func get(_ descriptor: borrowing Descriptor) throws(SystemError) -> Int {
    Int(try system(.fcntl) { fcntl(descriptor.raw, 1032) })
  }
  package static func set(_ descriptor: borrowing Descriptor, _ bytes: Int32) throws(SystemError) {
    try system(.fcntl) { fcntl(descriptor.raw, 1031, bytes) }
  }
}
