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

/// What an acceptor says to a sender that it lets in: the version of the wire formats in one byte, and the type of the
/// channel's messages. The sender compares both before it sends anything. Over `memfd` the sender speaks first.
enum Handshake {
  enum Answer {
    /// The peer is of the same version; what its messages are.
    case received(MessageType?)
    /// The peer has another version.
    case otherVersion(Int)
    /// The peer has closed the connection, or sent something else.
    case refused
    case timedOut
  }

  /// What can be a version. Any other byte, as a letter, is another program's.
  private static let versions: Range<UInt8> = 1..<32
  private static let headBytes = 1 + MessageType.headBytes

  /// The type that the two ends compare: text has none, whether it is taken as a string or as bytes.
  static func type(_ options: ChannelOptions) -> MessageType? {
    options.framing == .frames ? options.messageType : nil
  }

  /// Sends version and type. Never waits.
  static func send(_ socket: borrowing Descriptor, _ type: MessageType?) {
    let bytes = [UInt8(WireFormat.version)] + MessageType.bytes(type)
    unsafe bytes.withUnsafeBytes { bytes in
      _ = unsafe try? Sockets.sendmsg(
        socket.raw, bytes, UnsafeRawBufferPointer(start: nil, count: 0), wait: false)
    }
  }

  /// Sends a sender's hello on a connection that it gives up, so that the receiver can say why.
  static func sendHello(_ socket: borrowing Descriptor, _ type: MessageType?) {
    unsafe Hello(number: 0, type: type).frame.withUnsafeBytes { bytes in
      _ = unsafe try? Sockets.sendmsg(
        socket.raw, bytes, UnsafeRawBufferPointer(start: nil, count: 0), wait: false)
    }
  }

  /// Waits for version and type.
  /// - Parameter isStream: whether the bytes may arrive in pieces, and others may follow.
  static func receive(
    _ socket: borrowing Descriptor, isStream: Bool, until deadline: Deadline
  ) throws(SystemError) -> Answer {
    var bytes: [UInt8] = []
    // A packet comes whole. In a stream the version comes first: an older peer sends nothing else.
    var wanted = isStream ? 1 : headBytes + MessageType.longestName
    while bytes.count < wanted {
      guard try ppoll(socket.raw, read: true, nanoseconds: deadline.remaining) else { return .timedOut }
      do throws(SystemError) {
        var piece = [UInt8](repeating: 0, count: wanted - bytes.count)
        let raw = socket.raw
        var span = piece.mutableSpan
        let count = unsafe try span.withUnsafeMutableBytes { buffer throws(SystemError) in
          var truncated = false
          return unsafe try Sockets.recvmsg(raw, into: buffer, wait: false, truncated: &truncated)
        }
        if count == 0 { return .refused }
        bytes += piece.prefix(count)
      } catch {
        if error.meansClosed { return .refused }
        if error.wouldBlock { continue }
        throw error
      }
      if Int(bytes[0]) != WireFormat.version {
        return versions.contains(bytes[0]) ? .otherVersion(Int(bytes[0])) : .refused
      }
      if !isStream { break }
      if bytes.count == 1 { wanted = headBytes }
      if bytes.count == headBytes {
        guard let name = MessageType.nameBytes(bytes.span.extracting(1...)) else { return .refused }
        wanted = headBytes + name
      }
    }
    guard let described = MessageType.Described(bytes.span.extracting(1...)) else { return .refused }
    return .received(described.type)
  }
}
