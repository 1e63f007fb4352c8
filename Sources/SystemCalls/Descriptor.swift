import Glibc

/// Owns a file descriptor: closes it (close(2)) when it goes out of scope.
package struct Descriptor: ~Copyable, Sendable {
  /// The number, for a call. The owner stays this value: a reader of the number must not close it.
  package let raw: Int32

  package init(owning raw: Int32) { self.raw = raw }

  deinit { _ = Glibc.close(raw) }

  /// Gives the number away: the caller closes it.
  package consuming func release() -> Int32 {
    let raw = self.raw
    discard self
    return raw
  }

  /// A second descriptor of the same open file, closed on exec: fcntl(2) with F_DUPFD_CLOEXEC.
  package func duplicate() throws(SystemError) -> Descriptor {
    Descriptor(owning: try system(.fcntl) { fcntl(raw, F_DUPFD_CLOEXEC, 3) })
  }

  /// Opens the same file once more, in non-blocking mode: open(2) of /proc/self/fd. The mode belongs to the open file, so
  /// this descriptor keeps its own.
  package func reopenedNonblocking(writing: Bool) throws(SystemError) -> Descriptor {
    Descriptor(
      owning: try system(.open) {
        unsafe Glibc.open("/proc/self/fd/\(raw)", (writing ? O_WRONLY : O_RDONLY) | O_NONBLOCK | O_CLOEXEC)
      })
  }

  /// Sets or clears O_NONBLOCK of the open file: fcntl(2) with F_GETFL and F_SETFL.
  package func setNonblocking(_ on: Bool) throws(SystemError) {
    let flags = try system(.fcntl) { fcntl(raw, F_GETFL) }
    let wanted = on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK
    if wanted != flags { try system(.fcntl) { fcntl(raw, F_SETFL, wanted) } }
  }
}
