import CSystem
import Glibc

/// Reads and writes of byte streams. `wait: false` never blocks and throws EAGAIN, also where the open file is in
/// blocking mode because other processes share it.
package enum Streams {
  /// read(2), as the open file's own mode has it. 0 is the end.
  package static func read(
    _ descriptor: Int32, into buffer: UnsafeMutableRawBufferPointer
  ) throws(SystemError) -> Int {
    unsafe try read(descriptor, into: buffer, wait: true)
  }

  /// read(2), or preadv2(2) with RWF_NOWAIT. 0 is the end.
  package static func read(
    _ descriptor: Int32, into buffer: UnsafeMutableRawBufferPointer, wait: Bool, tries: Int = 1
  ) throws(SystemError) -> Int {
    let count = Faults.count(for: .readv, buffer.count)
    return try system(.readv, tries: tries) {
      wait
        ? unsafe csystem_read(descriptor, buffer.baseAddress, count)
        : unsafe csystem_readv_now(descriptor, buffer.baseAddress, count)
    }
  }

  /// writev(2), or pwritev2(2) with RWF_NOWAIT: both pieces, in one call.
  package static func write(
    _ descriptor: Int32, _ first: UnsafeRawBufferPointer, _ second: UnsafeRawBufferPointer, wait: Bool
  ) throws(SystemError) -> Int {
    let total = Faults.count(for: .writev, first.count + second.count)
    let firstCount = min(first.count, total)
    let secondCount = total - firstCount
    return try system(.writev) {
      wait
        ? unsafe csystem_writev(descriptor, first.baseAddress, firstCount, second.baseAddress, secondCount)
        : unsafe csystem_writev_now(
          descriptor, first.baseAddress, firstCount, second.baseAddress, secondCount)
    }
  }

  /// A write to a pipe without a reader kills the process with SIGPIPE unless the signal is ignored. Where it
  /// still has its default action, it is ignored from now on, as every network library does; a handler of the
  /// program's own stays.
  package static let ignoreBrokenPipe: Void = {
    var current = sigaction()
    guard unsafe sigaction(SIGPIPE, nil, &current) == 0 else { return }
    if unsafe unsafeBitCast(current.__sigaction_handler.sa_handler, to: Int.self) == 0 {
      signal(SIGPIPE, SIG_IGN)
    }
  }()
}
