import SystemCalls

/// TCP (tcp(7)), without Nagle's delay: also to another machine.
///
/// - Opening: getaddrinfo(3) resolves the host. The receiver makes a socket(2) for the first address, binds it with
///   bind(2), SO_REUSEADDR set, and listens with listen(2); a thread accepts (accept4(2)). A sender connects with
///   connect(2) and sets TCP_NODELAY with setsockopt(2). On this machine each process checks that its peer belongs to
///   the same user: it asks the kernel's table of sockets over netlink (sock_diag(7)), or reads /proc/net/tcp. The
///   acceptor checks and sends a greeting, which lets the sender in; the sender checks once it has that, since the
///   table names the peer only after accept4(2). Between machines nothing is checked or encrypted: listen on an
///   address that only trusted machines reach. A channel without a name is a connection over 127.0.0.1.
/// - Sending: sendmsg(2) with MSG_NOSIGNAL sends header and message in one call, MSG_DONTWAIT where it must not
///   block.
/// - Receiving: recvmsg(2), up to 64 KiB. A receiver with an address polls its connections.
/// - Waiting: by default (`?wait=adaptive`) a call first tries without blocking, then spins for up to 60 µs
///   (``SpinPolicy``), and then makes the call that blocks. With a deadline it sleeps in ppoll(2) instead.
/// - Closing and dying: recvmsg(2) returns 0 when the sender has closed, or fails with ECONNRESET; sendmsg(2) fails
///   with EPIPE or ECONNRESET. The kernel closes the connections of a process that dies.
enum TCPMechanism: MechanismImplementation {
  static let mechanism = Mechanism.tcp

  static let traits = MechanismTraits(
    summary: "a byte stream, also between machines", addressForm: "tcp:host:port",
    systemCalls: MechanismTraits.SystemCalls(
      open: [
        "socket", "setsockopt", "bind", "listen", "getsockname", "eventfd2", "fcntl", "accept4", "connect",
        "getsockopt", "getpeername", "sendto", "recvfrom", "ppoll", "write", "sendmsg", "recvmsg", "shutdown",
        "close",
      ], send: ["sendmsg"], receive: ["recvmsg", "ppoll", "read"],
      wait: ["ppoll", "recvmsg", "sendmsg", "close"], close: ["sendmsg", "close", "shutdown"]),
    manySenders: true, manyReceivers: false, crossesMachines: true, connectsEachSender: true,
    baseline: .socket,
    caveat:
      "from another machine every process that reaches the port gets in; an anonymous channel has one sender")

  private static let unitBytes = 1 << 16

  // MARK: Addresses

  private static let portRange = 0...65535

  private static let examplePort = 7000

  /// `host:port`, or `[host]:port`: an IPv6 address has colons of its own.
  private static func hostAndPort(_ address: Address) throws(ChannelError) -> (String, Int) {
    let target = address.target
    guard !target.isEmpty else {
      throw address.invalid("host and port are missing: write tcp:localhost:\(examplePort)")
    }
    guard !target.utf8.contains(0) else { throw address.invalid("a host can't contain a zero byte") }
    let inBrackets = target.hasPrefix("[")
    // Of "[::1]" without a port, no colon ends the host.
    let end = inBrackets ? target.firstIndex(of: "]") : target.startIndex
    guard let end else { throw address.invalid("the bracket isn't closed: write tcp:[::1]:\(examplePort)") }
    guard let colon = target[end...].lastIndex(of: ":") else {
      if isNumber(target[...]) {
        throw address.invalid("the host is missing: write tcp:localhost:\(try port(target[...], address))")
      }
      throw address.invalid("the port is missing: write tcp:\(target):\(examplePort)")
    }
    let host = inBrackets ? target[..<colon].dropFirst().dropLast() : target[..<colon]
    let port = try port(target[target.index(after: colon)...], address)
    guard !host.isEmpty else { throw address.invalid("the host is missing: write tcp:localhost:\(port)") }
    guard inBrackets ? target.index(after: end) == colon : !host.contains(":") else {
      throw address.invalid(
        "expected one host and one port, an IPv6 address in brackets: write tcp:localhost:\(port) or tcp:[::1]:\(port)"
      )
    }
    return (String(host), port)
  }

  /// Digits and nothing else: a sign is part of no port.
  private static func isNumber(_ text: Substring) -> Bool {
    text.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
  }

  private static func port(_ text: Substring, _ address: Address) throws(ChannelError) -> Int {
    guard !text.isEmpty else {
      throw address.invalid(
        "the port is missing: write one from \(portRange.lowerBound) to \(portRange.upperBound)")
    }
    guard isNumber(text) else {
      throw address.invalid(
        "the port \"\(text)\" isn't a number: write one from \(portRange.lowerBound) to \(portRange.upperBound)"
      )
    }
    guard let port = Int(text), portRange.contains(port) else {
      throw address.invalid(
        "the port \(text) is out of range: choose one from \(portRange.lowerBound) to \(portRange.upperBound)"
      )
    }
    return port
  }

  private static func resolve(
    _ address: Address, passive: Bool
  ) throws(ChannelError) -> [Internet.Address] {
    let (host, port) = try hostAndPort(address)
    let found = try? Internet.getaddrinfo(host: host, port: port, passive: passive)
    guard let found, !found.isEmpty else {
      throw address.invalid("the host \"\(host)\" has no known address: check its spelling")
    }
    return found
  }

  // MARK: Opening

  private static func setOptions(
    _ socket: borrowing Descriptor, _ options: ChannelOptions
  ) throws(SystemError) {
    try Sockets.setsockopt(socket, .noDelay, 1)
    if let bytes = options.capacityBytes {
      try Sockets.setsockopt(socket, .sendBuffer, Int32(clamping: bytes))
    }
  }

  /// How often the table of sockets is asked for a peer, and the pause between, in nanoseconds.
  private static let ownerAttempts = 20
  private static let ownerPause: UInt64 = 500_000

  /// A peer, as far as it matters whether it may be there.
  private enum Peer {
    /// A process of another machine, or this user's of this one.
    case admitted
    case anotherUsers
    /// A process of this machine that has closed the connection, or ended.
    case gone
  }

  private static func peer(_ socket: borrowing Descriptor) throws(SystemError) -> Peer {
    let isLoopback = try Internet.getpeername(socket).isLoopback
    // The connection may not be accepted yet; and where the kernel's table is only to be had as text, which is read in
    // pieces, a line can slip through between two of them.
    for _ in 0..<ownerAttempts {
      switch try Internet.peerOwner(socket) {
      case .user(let user): return user == CurrentProcess.user ? .admitted : .anotherUsers
      // Another machine's.
      case .elsewhere where !isLoopback: return .admitted
      case .elsewhere, .noProcess: Clock.sleep(nanoseconds: ownerPause)
      }
    }
    return .gone
  }

  private static let pairAttempts = 1000

  static func pair(_ options: ChannelOptions) throws(ChannelError) -> TransportPair {
    if options.senders == .many {
      throw ChannelError(
        .notSupported, .open, mechanism, "one connection has one sender: open tcp:localhost:PORT for several")
    }
    let pair = try translating(.open, mechanism) { () throws(SystemError) -> TransportPair? in
      let any = try Internet.getaddrinfo(host: "127.0.0.1", port: 0, passive: true)[0]
      let listener = try Internet.socket(any)
      try Internet.bind(listener, any)
      try Sockets.listen(listener)
      let sending = try Internet.socket(any)
      _ = try Internet.connect(sending, try Internet.getsockname(listener), nanoseconds: nil)
      let mine = try Internet.getsockname(sending)
      // Another process may have connected to the port meanwhile: take the connection that is ours.
      for _ in 0..<pairAttempts {
        let receiving = try Sockets.accept(listener)
        guard try Internet.getpeername(receiving) == mine else { continue }
        try setOptions(sending, options)
        Sockets.shutdown(writing: receiving.raw)
        return TransportPair(
          FramedSender(
            mechanism, TCPWriter(mechanism, sending, unitBytes: unitBytes, isStream: true), options),
          FramedReceiver(
            mechanism, TCPReader(mechanism, receiving, unitBytes: unitBytes, isStream: true), options))
      }
      return nil
    }
    guard let pair else {
      throw ChannelError(
        .system, .open, mechanism,
        "\(pairAttempts) connections of other processes came to a port of this channel's: try again")
    }
    return pair
  }

  static func openSender(
    _ address: Address, until deadline: Deadline
  ) throws(ChannelError) -> any SenderTransport {
    let targets = try resolve(address, passive: false)
    var backoff = Backoff(deadline)
    var last = ChannelError.noReceiver(mechanism, address.target)
    repeat {
      for target in targets {
        do throws(ChannelError) {
          return try connect(to: target, address, until: deadline)
        } catch {
          guard error.meansNoReceiver else { throw error }
          last = error
        }
      }
    } while backoff.pause()
    throw last
  }

  /// A connection whose receiver has answered.
  private struct Answered: ~Copyable {
    let socket: Descriptor
    let answer: Handshake.Answer
    let isAdmitted: Bool

    init(_ socket: consuming Descriptor, _ answer: Handshake.Answer, isAdmitted: Bool) {
      self.socket = socket
      self.answer = answer
      self.isAdmitted = isAdmitted
    }

    /// The sender, if the receiver is this user's and has the same messages.
    consuming func sender(_ address: Address) throws(ChannelError) -> any SenderTransport {
      let type: MessageType?
      switch answer {
      case .received(let theirs) where isAdmitted:
        type = theirs
        do throws(ChannelError) {
          try MessageType.check(Handshake.type(address.options), type, .open, mechanism)
        } catch {
          Handshake.sendHello(socket, address.options.messageType)
          throw error
        }
      case .otherVersion(let version) where isAdmitted: throw .versionMismatch(version, .open, mechanism)
      case .ended, .pending: throw .noAnswer(mechanism, address.target)
      default:
        throw ChannelError(
          .notAllowed, .open, mechanism,
          "another user, or a program that isn't a channel, listens on \(address.target): choose another port"
        )
      }
      let sender = FramedSender(
        mechanism, TCPWriter(mechanism, socket, unitBytes: unitBytes, isStream: true), address.options,
        hello: .eachConnection(type))
      sender.sayHello()
      return sender
    }
  }

  /// - Throws: `noReceiver` if no process receives there now, or none that answers.
  private static func connect(
    to target: Internet.Address, _ address: Address, until deadline: Deadline
  ) throws(ChannelError) -> any SenderTransport {
    switch try answered(target, address, until: deadline) {
    case .some(let answered): return try answered.sender(address)
    case .none: throw .noReceiver(mechanism, address.target)
    }
  }

  /// Returns nil if no process receives there now.
  private static func answered(
    _ target: Internet.Address, _ address: Address, until deadline: Deadline
  ) throws(ChannelError) -> Answered? {
    do throws(SystemError) {
      let socket = try Internet.socket(target)
      guard try Internet.connect(socket, target, nanoseconds: deadline.remaining) else { return nil }
      try setOptions(socket, address.options)
      let answer = try Handshake.receive(socket, isStream: true, until: deadline)
      switch answer {
      case .pending, .refused: return Answered(socket, answer, isAdmitted: false)
      case .ended:
        // The receiver is dying, most likely. Another user's ends the connection too, and listens on.
        let isForeign =
          if case .user(let user) = Internet.listenerOwner(target) { user != CurrentProcess.user } else {
            false
          }
        return Answered(socket, isForeign ? .refused : .ended, isAdmitted: false)
      case .received, .otherVersion:
        // Now that it is accepted: before, the kernel's table doesn't say which user's the peer is.
        let peer = try peer(socket)
        return Answered(socket, peer == .gone ? .ended : answer, isAdmitted: peer == .admitted)
      }
    } catch {
      if error.meansTimedOut || error.meansRefused { return nil }
      throw ChannelError(error, .open, mechanism, address.target)
    }
  }

  static func openReceiver(_ address: Address) throws(ChannelError) -> any ReceiverTransport {
    let target = try resolve(address, passive: true)[0]
    do throws(SystemError) {
      let listener = try Internet.socket(target)
      // A port whose last connections are still winding down can be used again; one that has a listener can't.
      try Sockets.setsockopt(listener, .reuseAddress, 1)
      try Internet.bind(listener, target)
      try Sockets.listen(listener)
      return try ListeningReceiver(
        mechanism, listener, address.options,
        admits: { (socket) throws(SystemError) in try peer(socket) == .admitted },
        reader: { TCPReader(mechanism, $0, unitBytes: unitBytes, isStream: true) })
    } catch {
      if error.meansTaken {
        throw ChannelError(
          .busy, .open, mechanism,
          "\(address.target) is in use: close what listens there, or choose another port")
      }
      if error.meansNoSuchAddress {
        let host = try hostAndPort(address).0
        throw ChannelError(
          .system, .open, mechanism,
          "\(host) isn't an address of this machine: receive at one of its own, or at 0.0.0.0 for all of them",
          errno: error.number)
      }
      throw ChannelError(error, .open, mechanism, address.target)
    }
  }

  static func adoptSender(_ inherited: InheritedEndpoint) throws(ChannelError) -> any SenderTransport {
    FramedSender(inherited, try TCPWriter(inherited))
  }

  static func adoptReceiver(_ inherited: InheritedEndpoint) throws(ChannelError) -> any ReceiverTransport {
    FramedReceiver(mechanism, try TCPReader(inherited), inherited.options)
  }

  static func limits() -> [MechanismLimit] {
    [
      MechanismLimit("net.ipv4.tcp_wmem", KernelLimit.number("net/ipv4/tcp_wmem", 1), "bytes"),
      MechanismLimit("net.ipv4.tcp_wmem max", KernelLimit.number("net/ipv4/tcp_wmem", 2), "bytes"),
    ]
  }
}

/// Sends framed bytes over a TCP connection.
final class TCPWriter: DescriptorTransport, ByteWriter {
  let carriesLines = true

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

/// Receives framed bytes from a TCP connection.
final class TCPReader: DescriptorTransport, ByteReader {
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
    // A stream is never truncated.
    var truncated = false
    do throws(SystemError) {
      let count = unsafe try Sockets.recvmsg(
        socket, into: buffer, wait: wait, tries: tries, truncated: &truncated)
      return count == 0 ? .ended : .bytes(count)
    } catch {
      return try outcome(of: error)
    }
  }
}
