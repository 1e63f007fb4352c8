import CSystem
import Glibc
import Synchronization

/// Reads and writes of byte streams: pipes and FIFOs.
///
/// ``preadv2(_:into:tries:)`` and ``pwritev2(_:_:_:)`` never block and throw EAGAIN, also where the open file is in
/// blocking mode because other processes share it.
package enum Streams {
  /// read(2). Blocks as the mode of the open file says.
  ///
  /// - Parameter tries: How often an empty stream in non-blocking mode is read before EAGAIN is thrown.
  /// - Returns: How many bytes were read. 0 is the end.
  package static func read(
    _ descriptor: Int32, into buffer: UnsafeMutableRawBufferPointer, tries: Int = 1
  ) throws(SystemError) -> Int {
    let count = Faults.count(for: .read, buffer.count)
    return try system(.read, .descriptor(descriptor, bytes: count, waits: true), tries: tries) {
      unsafe csystem_read(descriptor, buffer.baseAddress, count)
    }
  }

  /// preadv2(2) with RWF_NOWAIT.
  ///
  /// - Parameter tries: How often an empty stream is read before EAGAIN is thrown.
  /// - Returns: How many bytes were read. 0 is the end.
  package static func preadv2(
    _ descriptor: Int32, into buffer: UnsafeMutableRawBufferPointer, tries: Int = 1
  ) throws(SystemError) -> Int {
    let count = Faults.count(for: .preadv2, buffer.count)
    return try system(.preadv2, .descriptor(descriptor, bytes: count), tries: tries) {
      unsafe csystem_preadv2(descriptor, buffer.baseAddress, count)
    }
  }

  /// writev(2) of both pieces. Blocks as the mode of the open file says.
  ///
  /// - Returns: How many bytes were written.
  package static func writev(
    _ descriptor: Int32, _ first: UnsafeRawBufferPointer, _ second: UnsafeRawBufferPointer
  ) throws(SystemError) -> Int {
    let total = Faults.count(for: .writev, first.count + second.count)
    let firstCount = min(first.count, total)
    return try system(.writev, .descriptor(descriptor, bytes: total, waits: true)) {
      unsafe csystem_writev(descriptor, first.baseAddress, firstCount, second.baseAddress, total - firstCount)
    }
  }

  /// pwritev2(2) of both pieces, with RWF_NOWAIT.
  ///
  /// - Returns: How many bytes were written.
  package static func pwritev2(
    _ descriptor: Int32, _ first: UnsafeRawBufferPointer, _ second: UnsafeRawBufferPointer
  ) throws(SystemError) -> Int {
    let total = Faults.count(for: .pwritev2, first.count + second.count)
    let firstCount = min(first.count, total)
    return try system(.pwritev2, .descriptor(descriptor, bytes: total)) {
      unsafe csystem_pwritev2(
        descriptor, first.baseAddress, firstCount, second.baseAddress, total - firstCount)
    }
  }

  /// Whether a descriptor is open: fcntl(2) with F_GETFD.
  package static func isOpen(_ descriptor: Int32) -> Bool {
    observed(.fcntl, .descriptor(descriptor)) { Glibc.fcntl(descriptor, F_GETFD) } >= 0
  }

  /// Writes what the C library holds back of standard output: fflush(3).
  /// - Returns: the errno with which something couldn't be written, now or earlier; 0: all was.
  package static func flushOutput() -> Int32 { csystem_flush_output() }

  /// Opens the standard descriptors that are closed, so that no file or channel gets their numbers: input is empty, output
  /// can't be written (EBADF), errors are dropped. Call it before anything is opened. fcntl(2), open(2) of /dev/null.
  package static func openStandardDescriptors() {
    // The lowest number that is free is the one that was closed.
    for (descriptor, mode) in [(Int32(0), O_RDONLY), (1, O_RDONLY), (2, O_WRONLY)] where !isOpen(descriptor) {
      guard unsafe Glibc.open("/dev/null", mode) == descriptor else { return }
    }
  }

  /// Writes a text as far as it can be written: for what a program says last; a failure isn't reported.
  /// write(2).
  package static func write(_ descriptor: Int32, _ text: String) {
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      let count = try? system(.write, .descriptor(descriptor, bytes: rest.count)) {
        unsafe rest.withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress, $0.count) }
      }
      guard let count, count > 0 else { return }
      rest = rest.dropFirst(count)
    }
  }

  /// fcntl(2) with F_GETPIPE_SZ: how many bytes a pipe holds.
  package static func fcntl(pipeSize descriptor: borrowing Descriptor) throws(SystemError) -> Int {
    Int(try system(.fcntl, .descriptor(descriptor.raw)) { Glibc.fcntl(descriptor.raw, CSYSTEM_F_GETPIPE_SZ) })
  }

  /// fcntl(2) with F_SETPIPE_SZ: asks for a pipe of so many bytes, without privilege up to
  /// /proc/sys/fs/pipe-max-size.
  package static func fcntl(_ descriptor: borrowing Descriptor, pipeSize bytes: Int32) throws(SystemError) {
    try system(.fcntl, .descriptor(descriptor.raw)) {
      Glibc.fcntl(descriptor.raw, CSYSTEM_F_SETPIPE_SZ, bytes)
    }
  }

  /// The owner's execute bit: it means nothing on a pipe, and stays with the pipe when its writer is gone.
  private static let mark: mode_t = 0o100

  /// fstat(2) and fchmod(2): sets a mark on a pipe, which its reader sees. One of another user's can't be marked.
  package static func mark(_ descriptor: Int32) {
    var status = stat()
    guard observed(.fstat, .descriptor(descriptor), { unsafe fstat(descriptor, &status) }) == 0,
      status.st_mode & mark == 0
    else { return }
    observed(.fchmod, .descriptor(descriptor)) { fchmod(descriptor, status.st_mode & 0o7777 | mark) }
  }

  /// fstat(2): whether a pipe has the mark.
  package static func isMarked(_ descriptor: Int32) -> Bool {
    var status = stat()
    return observed(.fstat, .descriptor(descriptor)) { unsafe fstat(descriptor, &status) } == 0
      && status.st_mode & mark != 0
  }

  /// Ignores SIGPIPE from now on where it has its default action, as every network library does; a handler of the program's
  /// own stays. A write to a pipe without a reader then fails with EPIPE, and doesn't kill the process. sigaction(2).
  package static let ignoreSIGPIPE: Void = { _ = ignore(SIGPIPE) }()

  /// The same for SIGXFSZ: a file that would grow beyond the limit of its size (`ulimit -f`) fails with EFBIG, and the process
  /// isn't killed.
  package static let ignoreSIGXFSZ: Void = {
    if ignore(SIGXFSZ) { ignoresSIGXFSZ.store(true, ordering: .relaxed) }
  }()

  /// Whether this library ignores it: the processes that it starts don't.
  static let ignoresSIGXFSZ = Atomic<Bool>(false)

  /// Returns false where the program does something about the signal already.
  private static func ignore(_ number: Int32) -> Bool {
    var current = sigaction()
    guard unsafe sigaction(number, nil, &current) == 0 else { return false }
    let isDefault = unsafe unsafeBitCast(current.__sigaction_handler.sa_handler, to: Int.self) == 0
    if isDefault { signal(number, SIG_IGN) }
    return isDefault
  }
}
