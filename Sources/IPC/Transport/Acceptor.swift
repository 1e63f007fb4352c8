import Synchronization
import SystemCalls

/// A thread that accepts the connections to a named socket: accept4(2). It accepts at once: over TCP, the kernel forgets
/// which process a connection belongs to as soon as that process has closed it.
final class Acceptor: Sendable {
  private let listener: Descriptor
  private let isClosed = Atomic<Bool>(false)

  /// How long the thread pauses when no descriptor is left, in nanoseconds: the connections wait in the kernel.
  private static let pause: UInt64 = 10_000_000

  /// - Parameter handle: checks a connection and answers it, on the thread. An error closes that connection.
  init(
    _ listener: consuming Descriptor,
    handle: @escaping @Sendable (borrowing Descriptor) throws(SystemError) -> Void
  ) throws(SystemError) {
    self.listener = listener
    try Threads.start(name: "ipc-acceptor") { while self.acceptOne(handle) {} }
  }

  /// Returns false once the acceptor is closed.
  private func acceptOne(_ handle: (borrowing Descriptor) throws(SystemError) -> Void) -> Bool {
    do throws(SystemError) {
      let socket = try Sockets.accept(listener)
      if isClosed.load(ordering: .acquiring) { return false }
      try handle(socket)
    } catch {
      if !isClosed.load(ordering: .acquiring), !error.meansClosed { Clock.sleep(nanoseconds: Self.pause) }
    }
    return !isClosed.load(ordering: .acquiring)
  }

  func close() {
    isClosed.store(true, ordering: .releasing)
    // Ends accept4(2) on the thread.
    Sockets.shutdown(reading: listener.raw)
  }
}

/// The byte that opens a connection to a named socket. The acceptor sends it to a sender that it lets in; over `memfd` the
/// sender sends it, and the acceptor answers with the memory.
enum Handshake {
  private static let byte: UInt8 = 1

  enum Answer {
    case received
    /// The peer has closed the connection, or sent something else.
    case refused
    case timedOut
  }

  /// Sends the byte.
  static func send(_ socket: borrowing Descriptor) {
    var byte = Self.byte
    unsafe withUnsafeBytes(of: &byte) { bytes in
      _ = unsafe try? Sockets.sendmsg(
        socket.raw, bytes, UnsafeRawBufferPointer(start: nil, count: 0), wait: false)
    }
  }

  /// Waits for the byte.
  static func receive(
    _ socket: borrowing Descriptor, until deadline: Deadline
  ) throws(SystemError) -> Answer {
    guard try ppoll(socket.raw, read: true, nanoseconds: deadline.remaining) else { return .timedOut }
    let raw = socket.raw
    do throws(SystemError) {
      return try unsafe withUnsafeTemporaryAllocation(byteCount: 1, alignment: 1) {
        buffer throws(SystemError) in
        var truncated = false
        let count = unsafe try Sockets.recvmsg(raw, into: buffer, wait: false, truncated: &truncated)
        return unsafe count == 1 && buffer[0] == byte ? .received : .refused
      }
    } catch {
      if error.meansClosed { return .refused }
      throw error
    }
  }
}
