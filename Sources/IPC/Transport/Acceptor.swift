import Synchronization
package import SystemCalls

/// The door of a named socket: a thread that accepts whoever comes, at once, checks whose process it is, and says
/// so with one byte. At once, since the kernel forgets whose a TCP connection was as soon as its process has closed
/// it; and a sender that waits for the byte knows that it is in.
package final class Acceptor: @unchecked Sendable {
  // The descriptors are used by both threads and closed when both are done.
  private struct State {
    var admitted: [Int32] = []
    var isClosed = false
  }

  private let listener: Descriptor
  private let arrivals: Descriptor
  private let state = Mutex(State())
  private let admit: @Sendable (borrowing Descriptor) throws(SystemError) -> Bool

  package init(
    _ listener: consuming Descriptor,
    admit: @escaping @Sendable (borrowing Descriptor) throws(SystemError) -> Bool
  ) throws(SystemError) {
    self.listener = listener
    self.admit = admit
    arrivals = try Events.eventfd()
    try arrivals.setNonblocking(true)
    try Threads.start(name: "ipc-door") { while self.admitOne() {} }
  }

  deinit { for raw in state.withLock({ $0.admitted }) { _ = Descriptor(owning: raw) } }

  /// Readable when somebody was admitted.
  package var pollable: Int32 { arrivals.raw }

  /// False: the door is closed.
  private func admitOne() -> Bool {
    do throws(SystemError) {
      let socket = try Sockets.accept(listener)
      if state.withLock({ $0.isClosed }) { return false }
      guard try admit(socket) else { return true }
      // First in the list, then told: a sender that was told must not be overlooked at the end.
      let copy = try socket.duplicate().release()
      let isOpen = state.withLock { state in
        if !state.isClosed { state.admitted.append(copy) }
        return !state.isClosed
      }
      guard isOpen else {
        _ = Descriptor(owning: copy)
        return false
      }
      Events.write(arrivals)
      Self.greet(socket)
    } catch {
      if state.withLock({ $0.isClosed }) { return false }
      // No descriptor is left, perhaps: those who wait go on waiting, and this thread doesn't spin.
      if !error.meansClosed { Clock.sleep(nanoseconds: 10_000_000) }
    }
    return true
  }

  /// The next that was admitted.
  package func next() -> Descriptor? {
    state.withLock { $0.admitted.isEmpty ? nil : $0.admitted.removeFirst() }.map { Descriptor(owning: $0) }
  }

  /// Forgets that somebody came, before the list is read.
  package func rearm() { Events.read(arrivals) }

  package func close() {
    state.withLock { $0.isClosed = true }
    // Wakes accept(2) on the other thread.
    Sockets.shutdown(reading: listener.raw)
  }

  // MARK: The byte

  /// One byte.
  package static func greet(_ socket: borrowing Descriptor) {
    var byte: UInt8 = 1
    unsafe withUnsafeBytes(of: &byte) { bytes in
      _ = unsafe try? Sockets.sendmsg(
        socket.raw, bytes, UnsafeRawBufferPointer(start: nil, count: 0), wait: false)
    }
  }

  package enum Answer { case admitted, refused, silence }

  /// Waits until the other side has said something.
  package static func knock(
    _ socket: borrowing Descriptor, until deadline: Deadline
  ) throws(SystemError) -> Answer {
    guard try ppoll(socket.raw, read: true, nanoseconds: deadline.remaining) else { return .silence }
    let raw = socket.raw
    do throws(SystemError) {
      return try unsafe withUnsafeTemporaryAllocation(byteCount: 1, alignment: 1) {
        buffer throws(SystemError) in
        var truncated = false
        let count = unsafe try Sockets.recvmsg(raw, into: buffer, wait: false, truncated: &truncated)
        return unsafe count == 1 && buffer[0] == 1 ? .admitted : .refused
      }
    } catch {
      if error.meansClosed { return .refused }
      throw error
    }
  }
}
