import SystemCalls

/// Unix sockets (unix(7)): packets that keep their boundaries (SOCK_SEQPACKET, the default), or a byte stream
/// (`?type=stream`). A named one is a file that only this user can open, and each side checks the other's user.
package enum UnixMechanism: MechanismImplementation {
  package static let mechanism = Mechanism.unix

  package static let traits = MechanismTraits(
    summary: "sockets of one machine: packets, or a stream with ?type=stream; descriptors travel too",
    addressForm: "unix:/path",
    systemCalls: ["socketpair", "connect", "accept", "sendmsg", "recvmsg", "poll"],
    manySenders: true, manyReceivers: false,
    caveat: "handing one anonymous end to several senders needs packets")

  private static let unitBytes = 1 << 16

  private static func kind(_ options: ChannelOptions) throws(ChannelError) -> Sockets.Kind {
    switch options.type {
    case nil, "packet": return options.framing == .line ? .stream : .packet
    case "stream": return .stream
    case .some(let other):
      throw ChannelError(
        .invalidAddress, .open, mechanism,
        "no type \"\(other)\" of Unix socket: write type=packet or type=stream")
    }
  }

  /// `capacity` is what the sending side may have on its way (SO_SNDBUF; the kernel doubles it for its own needs).
  private static func prepare(
    _ socket: borrowing Descriptor, _ options: ChannelOptions
  ) throws(SystemError) {
    if let bytes = options.capacityBytes {
      try Sockets.setsockopt(socket, .sendBuffer, Int32(clamping: bytes))
    }
  }

  private static func carrier(
    _ socket: consuming Descriptor, _ kind: Sockets.Kind, _ options: ChannelOptions
  ) -> DescriptorCarrier {
    // A packet takes its whole size from the send buffer, and the kernel's own book-keeping as well.
    let unit = options.capacityBytes.map { max(512, min(unitBytes, $0 / 2)) } ?? unitBytes
    return DescriptorCarrier(
      mechanism, socket, kind: .socket, unitBytes: unit, isStream: kind == .stream)
  }

  package static func pair(_ options: ChannelOptions) throws(ChannelError) -> TransportPair {
    let kind = try kind(options)
    if kind == .stream, options.senders == .many {
      throw ChannelError(
        .notSupported, .open, mechanism, "a stream has one sender: use packets (the default) for several")
    }
    let ends = try translating(.open, mechanism) { () throws(SystemError) in
      let ends = try Sockets.socketpair(kind)
      try prepare(ends.one, options)
      // One way only: a receiver that writes would confuse both.
      Sockets.shutdown(writing: ends.other.raw)
      return ends
    }
    return split(ends, kind, options)
  }

  private static func split(
    _ ends: consuming SocketEnds, _ kind: Sockets.Kind, _ options: ChannelOptions
  ) -> TransportPair {
    ends.take { sending, receiving in
      TransportPair(
        FramedSender(mechanism, carrier(sending, kind, options), options),
        FramedReceiver(
          mechanism,
          DescriptorCarrier(
            mechanism, receiving, kind: .socket, unitBytes: unitBytes, isStream: kind == .stream),
          options))
    }
  }

  package static func openSender(
    _ address: Address, until deadline: Deadline
  ) throws(ChannelError) -> any SenderTransport {
    let path = try address.path()
    let kind = try kind(address.options)
    var backoff = Backoff(deadline)
    repeat {
      do throws(SystemError) {
        let socket = try Sockets.socket(unix: kind)
        try prepare(socket, address.options)
        // connect(2) would follow a symbolic link, to wherever it leads.
        if let status = try? Files.stat(path), status.kind != .socket { throw UnixPaths.noSocket }
        try Sockets.connect(socket, path: path)
        guard try Sockets.getsockopt(peerUser: socket) == CurrentProcess.user else {
          throw ChannelError.notAllowedMarker
        }
        switch try Acceptor.knock(socket, until: deadline) {
        case .admitted: break
        case .refused: throw ChannelError.notAllowedMarker
        case .silence: throw SystemError.refused
        }
        return FramedSender(mechanism, carrier(socket, kind, address.options), address.options)
      } catch {
        if error == ChannelError.notAllowedMarker {
          throw ChannelError(.notAllowed, .open, mechanism, "\(path) is another user's: name another path")
        }
        if error == UnixPaths.noSocket {
          throw ChannelError(
            .wrongKind, .open, mechanism, "\(path) is no socket: name another path, or remove what is there")
        }
        if error.meansWrongSocketType {
          throw ChannelError(
            .wrongKind, .open, mechanism,
            "\(path) is a socket of another type: write ?type=stream or ?type=packet")
        }
        guard error.meansRefused else { throw ChannelError(error, .open, mechanism, path) }
      }
    } while backoff.pause()
    throw ChannelError(
      .noReceiver, .open, mechanism,
      "nobody receives on \(path): start the receiver first, or wait longer for it")
  }

  package static func openReceiver(_ address: Address) throws(ChannelError) -> any ReceiverTransport {
    let path = try address.path()
    let kind = try kind(address.options)
    do throws(SystemError) {
      let listener = try Sockets.socket(unix: kind)
      try UnixPaths.bind(listener, path)
      try Sockets.listen(listener)
      let inode = (try? Files.stat(path))?.inode
      let door = try Acceptor(listener) { (socket) throws(SystemError) in
        try Sockets.getsockopt(peerUser: socket) == CurrentProcess.user
      }
      return ListeningReceiver(
        mechanism, door, address.options, unitBytes: unitBytes,
        onClose: { if (try? Files.stat(path))?.inode == inode { try? Files.unlink(path) } })
    } catch {
      if error.meansTaken {
        if let status = try? Files.stat(path), status.kind != .socket {
          throw ChannelError(
            .wrongKind, .open, mechanism, "\(path) is no socket: name another path, or remove what is there")
        }
        throw ChannelError(
          .busy, .open, mechanism, "\(path) has its one receiver already: close it, or use another path")
      }
      throw ChannelError(error, .open, mechanism, path)
    }
  }

  package static func adoptSender(_ inherited: InheritedEndpoint) throws(ChannelError) -> any SenderTransport
  {
    try inherited.descriptorSender(.socket)
  }

  package static func adoptReceiver(_ inherited: InheritedEndpoint) throws(ChannelError)
    -> any ReceiverTransport
  {
    try inherited.descriptorReceiver(.socket)
  }

  package static func limits() -> [MechanismLimit] {
    [
      MechanismLimit("net.core.wmem_default", KernelLimit.number("net/core/wmem_default"), "bytes"),
      MechanismLimit("net.core.wmem_max", KernelLimit.number("net/core/wmem_max"), "bytes"),
    ]
  }
}

extension ChannelError {
  /// Not the kernel's: the other side is another user.
  fileprivate static let notAllowedMarker = SystemError(-1, .connect)
}
