import CSystem
import Glibc

/// One descriptor in a ppoll(2).
package struct PollEntry: Sendable {
  package let descriptor: Int32
  private let wantsRead: Bool
  private let wantsWrite: Bool
  package fileprivate(set) var readable = false
  package fileprivate(set) var writable = false
  /// Hung up, failed, or not a descriptor (POLLHUP, POLLERR, POLLNVAL): a read or a write says which.
  package fileprivate(set) var hungUp = false

  package init(_ descriptor: Int32, read: Bool = false, write: Bool = false) {
    self.descriptor = descriptor
    wantsRead = read
    wantsWrite = write
  }

  fileprivate var raw: csystem_pollfd {
    csystem_pollfd(
      descriptor: descriptor, events: Int16((wantsRead ? POLLIN : 0) | (wantsWrite ? POLLOUT : 0)), found: 0)
  }
}

private func remaining(_ deadline: UInt64?) -> Int64 {
  guard let deadline else { return -1 }
  let now = Clock.now()
  return deadline > now ? Int64(clamping: deadline - now) : 0
}

/// ppoll(2): waits for any of the entries, at most `nanoseconds` (nil: without a limit). Returns how many are ready.
@discardableResult
package func ppoll(_ entries: inout [PollEntry], nanoseconds: UInt64?) throws(SystemError) -> Int {
  let deadline = nanoseconds.map { Clock.now() &+ min($0, .max / 2) }
  var raw = entries.map(\.raw)
  if Tracer.isOn { for entry in entries { Tracer.identify(entry.descriptor) } }
  let first = entries.first?.descriptor ?? -1
  let count = try system(
    .ppoll, .descriptor(first, detail: UInt64(entries.count), waits: nanoseconds != 0)
  ) { unsafe csystem_ppoll(&raw, raw.count, remaining(deadline)) }
  for index in entries.indices {
    let found = Int32(raw[index].found)
    entries[index].readable = found & POLLIN != 0
    entries[index].writable = found & POLLOUT != 0
    entries[index].hungUp = found & (POLLHUP | POLLERR | POLLNVAL) != 0
  }
  return Int(count)
}

/// ppoll(2) of one descriptor: true when it is ready or hung up, false when the time passed.
package func ppoll(
  _ descriptor: Int32, read: Bool = false, write: Bool = false, nanoseconds: UInt64?
) throws(SystemError) -> Bool {
  var raw = PollEntry(descriptor, read: read, write: write).raw
  let deadline = nanoseconds.map { Clock.now() &+ min($0, .max / 2) }
  return try system(.ppoll, .descriptor(descriptor, detail: 1, waits: nanoseconds != 0)) {
    unsafe csystem_ppoll(&raw, 1, remaining(deadline))
  } > 0
}
