import SystemCalls

/// Unix sockets (unix(7)): packets that keep their boundaries (SOCK_SEQPACKET, the default), or a byte stream
/// (`?type=stream`).
///
/// - Opening: socketpair(2) makes both ends of a channel without a name. With a path, the receiver makes a socket(2),
///   binds it with bind(2) to a file, which fchmod(2) gives mode 0600, and listens; a thread accepts (accept4(2)) and
///   tells the receiver through an eventfd(2). Receivers that make a file take turns: flock(2) on a file beside it, which
///   is removed at once, or with the receiver if a process was killed in between; a connect(2) tells whether a process
///   still listens behind an old file. A sender connects with connect(2). Each process asks for its peer's user with
///   getsockopt(2), SO_PEERCRED; the acceptor then sends a greeting, which lets the sender in.
/// - Sending: sendmsg(2) with MSG_NOSIGNAL sends header and message in one call, MSG_DONTWAIT where it must not
///   block. A packet of up to 64 KiB goes whole; a larger message goes in fragments. `?capacity=` is SO_SNDBUF, of
///   which one packet takes at most half.
/// - Receiving: recvmsg(2), a packet or as many bytes as there are. A receiver with a name polls its connections.
/// - Waiting: by default (`?wait=adaptive`) a call first tries without blocking, then spins for up to 60 µs
///   (``SpinPolicy``), and then makes the call that blocks. With a deadline it sleeps in ppoll(2) instead.
/// - Closing and dying: recvmsg(2) returns 0 when the last sender has closed, or ECONNRESET if it died with bytes of
///   ours unread; sendmsg(2) fails with EPIPE. The receiver removes its file with unlink(2); a file that a killed
///   receiver left is replaced by the next one.
enum UnixSocketMechanism: MechanismImplementation {
  static let mechanism = Mechanism.unix

  static let traits = MechanismTraits(
    summary: "sockets of one machine: packets, or a stream with ?type=stream; descriptors travel too",
    addressForm: "unix:/path",
    systemCalls: MechanismTraits.SystemCalls(
      open: [
        "socketpair", "socket", "setsockopt", "openat", "flock", "newfstatat", "fchmod", "bind", "unlink",
        "listen",
        "eventfd2", "fcntl", "accept4", "connect", "getsockopt", "ppoll", "write", "sendmsg", "recvmsg",
        "shutdown", "close",
      ], send: ["sendmsg"], receive: ["recvmsg", "ppoll", "read"],
      wait: ["ppoll", "recvmsg", "sendmsg", "close"],
      close: ["sendmsg", "close", "shutdown", "newfstatat", "unlink"]),
    types: [.packet, .stream], manySenders: true, manyReceivers: false, baseline: .socket,
    caveat: "passing one anonymous endpoint to several senders needs packets")

  private static let unitBytes = 1 << 16
  private static let smallestUnitBytes = 512

  private static func kind(_ options: ChannelOptions) -> Sockets.Kind {
    options.type == .stream || options.framing == .line ? .stream : .packet
  }

  /// `capacity` is what the sender may have on its way (SO_SNDBUF; the kernel doubles it for its own needs).
  private static func setCapacity(
    _ socket: borrowing Descriptor, _ options: ChannelOptions
  ) throws(SystemError) {
    if let bytes = options.capacityBytes {
      try Sockets.setsockopt(socket, .sendBuffer, Int32(clamping: bytes))
    }
  }

  private static func writer(
    _ socket: consuming Descriptor, _ kind: Sockets.Kind, _ options: ChannelOptions
  ) -> UnixSocketWriter {
    // A packet takes its whole size from the send buffer, and the kernel's own bookkeeping as well.
    let unit = options.capacityBytes.map { max(smallestUnitBytes, min(unitBytes, $0 / 2)) } ?? unitBytes
    return UnixSocketWriter(mechanism, socket, unitBytes: unit, isStream: kind == .stream)
  }

  // MARK: Opening

  static func pair(_ options: ChannelOptions) throws(ChannelError) -> TransportPair {
    let kind = kind(options)
    if kind == .stream, options.senders == .many {
      throw ChannelError(
        .notSupported, .open, mechanism, "a stream has one sender: use packets (the default) for several")
    }
    let ends = try translating(.open, mechanism) { () throws(SystemError) in
      let ends = try Sockets.socketpair(kind)
      try setCapacity(ends.one, options)
      // One way only: a receiver that writes would confuse both.
      Sockets.shutdown(writing: ends.other.raw)
      return ends
    }
    return ends.take { sending, receiving in
      TransportPair(
        FramedSender(mechanism, writer(sending, kind, options), options),
        FramedReceiver(
          mechanism,
          UnixSocketReader(mechanism, receiving, unitBytes: unitBytes, isStream: kind == .stream), options))
    }
  }

  static func openSender(
    _ address: Address, until deadline: Deadline
  ) throws(ChannelError) -> any SenderTransport {
    let path = try address.path()
    var backoff = Backoff(deadline)
    var last: ChannelError?
    repeat {
      do throws(ChannelError) {
        return try connect(to: path, address.options, until: deadline)
      } catch {
        guard error.meansNoReceiver else { throw error }
        last = error
      }
    } while backoff.pause()
    // What the kernel says is about the path; a receiver that doesn't answer, about the process.
    if let last, last.code == .noReceiver { throw last }
    throw .noReceiver(mechanism, at: path)
  }

  private static func connect(
    to path: String, _ options: ChannelOptions, until deadline: Deadline
  ) throws(ChannelError) -> any SenderTransport {
    let kind = kind(options)
    let socket = try translating(.open, mechanism, path) { () throws(SystemError) in
      let socket = try Sockets.socket(unix: kind, nonblocking: true)
      try setCapacity(socket, options)
      return socket
    }
    try SocketPath.connect(socket, to: path, mechanism)
    let answer = try translating(.open, mechanism, path) { () throws(SystemError) in
      try socket.setNonblocking(false)
      return try Handshake.receive(socket, isStream: kind == .stream, until: deadline)
    }
    switch answer {
    case .received(let type):
      do throws(ChannelError) {
        try MessageType.check(Handshake.type(options), type, .open, mechanism)
      } catch {
        Handshake.sendHello(socket, options.messageType)
        throw error
      }
      let sender = FramedSender(
        mechanism, writer(socket, kind, options), options, hello: .eachConnection(type))
      sender.sayHello()
      return sender
    case .otherVersion(let version): throw .versionMismatch(version, .open, mechanism)
    case .refused: throw SocketPath.anotherProgram(path, mechanism)
    // The receiver is dying, most likely: the next one may be there before the deadline.
    case .ended, .pending: throw .noAnswer(mechanism, path)
    }
  }

  static func openReceiver(_ address: Address) throws(ChannelError) -> any ReceiverTransport {
    let path = try address.path()
    let kind = kind(address.options)
    do throws(SystemError) {
      let listener = try Sockets.socket(unix: kind)
      let inode = try SocketPath.listen(listener, at: path)
      var isOpen = false
      defer { if !isOpen { SocketPath.remove(path, inode) } }
      let receiver = try ListeningReceiver(
        mechanism, listener, address.options,
        admits: { (socket) throws(SystemError) in
          try Sockets.getsockopt(peerUser: socket) == CurrentProcess.user
        },
        reader: {
          UnixSocketReader(mechanism, $0, unitBytes: unitBytes, isStream: kind == .stream)
        }, onClose: { SocketPath.remove(path, inode) })
      isOpen = true
      return receiver
    } catch {
      throw SocketPath.explain(error, path, mechanism)
    }
  }

  static func adoptSender(_ inherited: InheritedEndpoint) throws(ChannelError) -> any SenderTransport {
    FramedSender(inherited, try UnixSocketWriter(inherited))
  }

  static func adoptReceiver(_ inherited: InheritedEndpoint) throws(ChannelError) -> any ReceiverTransport {
    FramedReceiver(mechanism, try UnixSocketReader(inherited), inherited.options)
  }

  static func limits() -> [MechanismLimit] {
    [
      MechanismLimit("net.core.wmem_default", KernelLimit.number("net/core/wmem_default"), "bytes"),
      MechanismLimit("net.core.wmem_max", KernelLimit.number("net/core/wmem_max"), "bytes"),
    ]
  }
}

/// Sends framed bytes over a Unix socket.
final class UnixSocketWriter: DescriptorTransport, ByteWriter {
  var carriesLines: Bool { isStream }

  func write(
    _ head: UnsafeRawBufferPointer, _ body: UnsafeRawBufferPointer, until deadline: Deadline
  ) throws(ChannelError) -> Int {
    let socket = try raw(.send)
    do throws(SystemError) {
      return unsafe try Sockets.sendmsg(socket, head, body, wait: deadline.isNever)
    } catch {
      return try waitToWrite(until: deadline, after: error) { () throws(SystemError) in
        unsafe try Sockets.sendmsg(socket, head, body, wait: false)
      }
    }
  }
}

/// Receives framed bytes from a Unix socket.
final class UnixSocketReader: DescriptorTransport, ByteReader {
  var readsUnits: Bool { !isStream }

  func read(
    into buffer: UnsafeMutableRawBufferPointer, until deadline: Deadline
  ) throws(ChannelError) -> ReadOutcome {
    try read(until: deadline) { waits throws(ChannelError) in
      unsafe try receive(buffer, wait: waits, tries: 1)
    }
  }

  func read(into buffer: UnsafeMutableRawBufferPointer, tries: Int) throws(ChannelError) -> ReadOutcome {
    unsafe try receive(buffer, wait: false, tries: tries)
  }

  private func receive(
    _ buffer: UnsafeMutableRawBufferPointer, wait: Bool, tries: Int
  ) throws(ChannelError) -> ReadOutcome {
    let socket = try raw(.receive)
    var truncated = false
    let count: Int
    do throws(SystemError) {
      count = unsafe try Sockets.recvmsg(
        socket, into: buffer, wait: wait, tries: tries, truncated: &truncated)
    } catch {
      return try outcome(of: error)
    }
    if truncated { throw .violation(mechanism, "a packet of more than \(unitBytes) bytes") }
    return count == 0 ? .ended : .bytes(count)
  }
}
