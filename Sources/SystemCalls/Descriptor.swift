import Glibc

/// Owns a file descriptor: closes it (close(2)) when it goes out of scope.
package struct Descriptor: ~Copyable, Sendable {
  /// The number, for a call. The owner stays this value: a reader of the number must not close it.
  package let raw: Int32

  package init(owning raw: Int32) { self.raw = raw }

  deinit { observed(.close, .descriptor(raw)) { Glibc.close(raw) } }

  /// Gives the number away: the caller closes it.
  package consuming func release() -> Int32 {
    let raw = self.raw
    discard self
    return raw
  }

  /// A second descriptor of the same open file, closed on exec: fcntl(2) with F_DUPFD_CLOEXEC.
  package func duplicate() throws(SystemError) -> Descriptor {
    Descriptor(
      owning: try system(.fcntl, .descriptor(raw)) {
        fcntl(raw, F_DUPFD_CLOEXEC, Self.lastStandardStream + 1)
      })
  }

  /// This descriptor, or a duplicate in its place whose number isn't that of a standard stream: see ``making(_:_:)``.
  consuming func aboveStandardStreams() throws(SystemError) -> Descriptor {
    raw > Self.lastStandardStream ? self : try duplicate()
  }

  /// Standard error's number; below it are standard output's and standard input's.
  static let lastStandardStream: Int32 = 2

  /// Opens the same file once more, in non-blocking mode: open(2) of /proc/self/fd. The mode belongs to the open file, so
  /// this descriptor keeps its own.
  package func reopenedNonblocking(writing: Bool) throws(SystemError) -> Descriptor {
    try making(.open) {
      unsafe Glibc.open("/proc/self/fd/\(raw)", (writing ? O_WRONLY : O_RDONLY) | O_NONBLOCK | O_CLOEXEC)
    }
  }

  /// Sets or clears O_NONBLOCK of the open file: fcntl(2) with F_GETFL and F_SETFL.
  package func setNonblocking(_ on: Bool) throws(SystemError) {
    let flags = try system(.fcntl, .descriptor(raw)) { fcntl(raw, F_GETFL) }
    let wanted = on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK
    if wanted != flags { try system(.fcntl, .descriptor(raw)) { fcntl(raw, F_SETFL, wanted) } }
  }
}

/// The gate for calls that make a descriptor.
///
/// A process that was started without one of its standard streams gets that stream's number from the next call: what the
/// program prints would go into a channel, and a child would hold the channel as its standard input or output. A descriptor
/// with such a number is duplicated above the three, and closed: fcntl(2) with F_DUPFD_CLOEXEC, in such a process alone.
@inline(__always)
func making(
  _ call: SystemCall, _ subject: CallSubject = .none, _ body: () -> Int32
) throws(SystemError) -> Descriptor {
  try Descriptor(owning: try system(call, subject, body)).aboveStandardStreams()
}

/// The same for calls that make two.
func makingPair(
  _ call: SystemCall, _ body: (UnsafeMutablePointer<Int32>) -> Int32
) throws(SystemError) -> (Int32, Int32) {
  var pair: (Int32, Int32) = (-1, -1)
  try system(call) {
    unsafe withUnsafeMutableBytes(of: &pair) { bytes in
      unsafe body(bytes.baseAddress!.assumingMemoryBound(to: Int32.self))
    }
  }
  let first = Descriptor(owning: pair.0)
  let second = Descriptor(owning: pair.1)
  let one = try first.aboveStandardStreams()
  let other = try second.aboveStandardStreams()
  return (one.release(), other.release())
}
