import Synchronization
import SystemCalls

/// A thread that accepts the connections to a named socket: accept4(2). It accepts at once: over TCP, the kernel forgets
/// which process a connection belongs to as soon as that process has closed it.
final class Acceptor: Sendable {
  private let listener: Descriptor
  private let isClosed = Atomic<Bool>(false)

  /// How long the thread pauses when no descriptor is left, in nanoseconds: the connections wait in the kernel.
  private static let pause: UInt64 = 10_000_000

  /// - Parameter handle: checks a connection and answers it, on the thread, without waiting for the peer. An error closes that
  ///   connection.
  init(
    _ listener: consuming Descriptor,
    handle: @escaping @Sendable (borrowing Descriptor) throws(SystemError) -> Void
  ) throws(SystemError) {
    self.listener = listener
    try Threads.start(name: "ipc-acceptor") {
      while self.repeats({ () throws(SystemError) in try handle(try Sockets.accept(self.listener)) }) {}
    }
  }

  /// Accepts connections whose peers speak first. One that is silent keeps no other waiting.
  /// - Parameters:
  ///   - admits: whether the peer may connect at all.
  ///   - handle: answers a peer that has sent its handshake, as above.
  init(
    _ listener: consuming Descriptor,
    admits: @escaping @Sendable (borrowing Descriptor) throws(SystemError) -> Bool,
    afterHandshake handle:
      @escaping @Sendable (borrowing Descriptor, MessageType?) throws(SystemError) -> Void
  ) throws(SystemError) {
    self.listener = listener
    try Threads.start(name: "ipc-acceptor") {
      var newcomers = Newcomers()
      while self.repeats({ () throws(SystemError) in
        if try newcomers.serve(self.listener, handle), !self.isClosed.load(ordering: .acquiring) {
          let socket = try Sockets.accept(self.listener)
          if try admits(socket) { newcomers.add(socket) }
        }
      }) {}
    }
  }

  /// Makes one step. Returns false once the acceptor is closed.
  private func repeats(_ step: () throws(SystemError) -> Void) -> Bool {
    do throws(SystemError) {
      try step()
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

/// Connections whose peers haven't sent all of their handshake yet.
private struct Newcomers {
  private final class Newcomer {
    let socket: Descriptor
    var reader = Handshake.Reader(isStream: true)
    let deadline = Deadline.within(Newcomers.longest)

    init(_ socket: consuming Descriptor) { self.socket = socket }
  }

  /// How long one may take. A process that is stopped meanwhile connects again.
  private static let longest = Duration.seconds(1)
  /// When more wait, the one that has waited longest has to connect again.
  private static let most = 64

  private var waiting: [Newcomer] = []

  mutating func add(_ socket: consuming Descriptor) {
    if waiting.count == Self.most { waiting.removeFirst() }
    waiting.append(Newcomer(socket))
  }

  /// Waits for a handshake or a connection, and answers the handshakes.
  /// - Returns: whether a connection waits.
  mutating func serve(
    _ listener: borrowing Descriptor,
    _ handle: (borrowing Descriptor, MessageType?) throws(SystemError) -> Void
  ) throws(SystemError) -> Bool {
    var entries = [PollEntry(listener.raw, read: true)] + waiting.map { PollEntry($0.socket.raw, read: true) }
    // The first came first.
    try ppoll(&entries, nanoseconds: waiting.first?.deadline.remaining)
    let found = zip(waiting, entries.dropFirst())
    waiting = []
    for (newcomer, entry) in found {
      guard entry.readable || entry.hungUp else {
        if !newcomer.deadline.hasPassed { waiting.append(newcomer) }
        continue
      }
      // A failure of one connection ends that one alone.
      switch try? newcomer.reader.read(newcomer.socket) {
      case .received(let type): try? handle(newcomer.socket, type)
      // Also where the kernel says again and again that there is something to read, and has nothing.
      case .pending where !newcomer.deadline.hasPassed: waiting.append(newcomer)
      default: break
      }
    }
    return entries[0].readable || entries[0].hungUp
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
    /// The peer has closed the connection without a word: it is dying, or doesn't let this process in.
    case ended
    /// The peer has sent something else.
    case refused
    /// Not all bytes have come.
    case pending
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
  /// - Returns: ``Answer/pending`` if the deadline passes.
  static func receive(
    _ socket: borrowing Descriptor, isStream: Bool, until deadline: Deadline
  ) throws(SystemError) -> Answer {
    var reader = Reader(isStream: isStream)
    while try ppoll(socket.raw, read: true, nanoseconds: deadline.remaining) {
      let answer = try reader.read(socket)
      // The kernel may say again and again that there is something to read, and have nothing: bytes out of band, for one.
      if case .pending = answer, !deadline.hasPassed { continue }
      return answer
    }
    return .pending
  }

  /// Reads version and type as their bytes come.
  struct Reader {
    private let isStream: Bool
    private var bytes: [UInt8] = []
    /// How many bytes there must be: not more of a stream, whose next bytes may bring descriptors.
    private var wanted: Int

    init(isStream: Bool) {
      self.isStream = isStream
      // A packet comes whole. In a stream the version comes first: an older peer sends nothing else.
      wanted = isStream ? 1 : headBytes + MessageType.longestName
    }

    /// Reads what is there. Never waits.
    mutating func read(_ socket: borrowing Descriptor) throws(SystemError) -> Answer {
      while bytes.count < wanted {
        do throws(SystemError) {
          var piece = [UInt8](repeating: 0, count: wanted - bytes.count)
          let raw = socket.raw
          var span = piece.mutableSpan
          let count = unsafe try span.withUnsafeMutableBytes { buffer throws(SystemError) in
            var truncated = false
            return unsafe try Sockets.recvmsg(raw, into: buffer, wait: false, truncated: &truncated)
          }
          if count == 0 { return bytes.isEmpty ? .ended : .refused }
          bytes += piece.prefix(count)
        } catch {
          if error.meansClosed { return bytes.isEmpty ? .ended : .refused }
          if error.wouldBlock { return .pending }
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
}
