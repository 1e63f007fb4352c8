import SystemCalls

/// TCP (tcp(7)), without Nagle's delay: also to another machine. On this machine each side checks that the
/// other belongs to the same user, from the kernel's own table of sockets; across machines nothing is checked or
/// encrypted, so listen on an address that only friends can reach.
package enum TCPMechanism: MechanismImplementation {
  package static let mechanism = Mechanism.tcp

  package static let traits = MechanismTraits(
    summary: "a byte stream, also between machines",
    addressForm: "tcp:host:port", systemCalls: ["socket", "connect", "accept", "sendmsg", "recvmsg", "poll"],
    manySenders: true, manyReceivers: false, crossesMachines: true,
    caveat: "from another machine anyone who reaches the port gets in; an anonymous channel has one sender")

  private static let unitBytes = 1 << 16

  private static func hostAndPort(_ address: Address) throws(ChannelError) -> (String, Int) {
    guard let colon = address.target.lastIndex(of: ":"),
      let port = Int(address.target[address.target.index(after: colon)...]), (0...65535).contains(port)
    else { throw address.invalid("a host and a port are missing: write tcp:localhost:7000") }
    var host = String(address.target[..<colon])
    if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
    guard !host.isEmpty else { throw address.invalid("a host is missing: write tcp:localhost:\(port)") }
    return (host, port)
  }

  private static func resolve(
    _ address: Address, passive: Bool
  ) throws(ChannelError) -> [Internet.Address] {
    let (host, port) = try hostAndPort(address)
    let found = (try? Internet.getaddrinfo(host: host, port: port, passive: passive)) ?? []
    if !found.isEmpty { return found }
    throw address.invalid("no address is known for the host \"\(host)\": check its spelling")
  }

  private static func prepare(
    _ socket: borrowing Descriptor, _ options: ChannelOptions
  ) throws(SystemError) {
    try Sockets.setsockopt(socket, .noDelay, 1)
    if let bytes = options.capacityBytes {
      try Sockets.setsockopt(socket, .sendBuffer, Int32(clamping: bytes))
    }
  }

  private static func carrier(_ socket: consuming Descriptor) -> DescriptorCarrier {
    DescriptorCarrier(mechanism, socket, kind: .socket, unitBytes: unitBytes, isStream: true)
  }

  /// Whether the far end may be there: anybody from another machine, this user from this one.
  private static func admits(_ socket: borrowing Descriptor) throws(SystemError) -> Bool {
    let isLoopback = try Internet.getpeername(socket).isLoopback
    // It may not be accepted yet; and where the kernel's table is only to be had as text, which is read in pieces, a line can
    // slip through between two of them.
    for _ in 0..<20 {
      switch try Internet.peerOwner(socket) {
      case .user(let user): return user == CurrentProcess.user
      // Another machine's.
      case .elsewhere where !isLoopback: return true
      case .elsewhere, .noProcess: Clock.sleep(nanoseconds: 500_000)
      }
    }
    return false
  }

  package static func pair(_ options: ChannelOptions) throws(ChannelError) -> TransportPair {
    if options.senders == .many {
      throw ChannelError(
        .notSupported, .open, mechanism, "one connection has one sender: open tcp:localhost:PORT for several")
    }
    return try translating(.open, mechanism) { () throws(SystemError) in
      let any = try Internet.getaddrinfo(host: "127.0.0.1", port: 0, passive: true)[0]
      let listener = try Internet.socket(any)
      try Internet.bind(listener, any)
      try Sockets.listen(listener)
      let sending = try Internet.socket(any)
      _ = try Internet.connect(sending, try Internet.getsockname(listener), nanoseconds: nil)
      let mine = try Internet.getsockname(sending)
      // Somebody else may have connected to the port meanwhile: take the connection that is ours.
      for _ in 0..<1000 {
        let receiving = try Sockets.accept(listener)
        guard try Internet.getpeername(receiving) == mine else { continue }
        try prepare(sending, options)
        Sockets.shutdown(writing: receiving.raw)
        return TransportPair(
          FramedSender(mechanism, carrier(sending), options),
          FramedReceiver(mechanism, carrier(receiving), options))
      }
      throw SystemError(103, .accept4)
    }
  }

  package static func openSender(
    _ address: Address, until deadline: Deadline
  ) throws(ChannelError) -> any SenderTransport {
    let targets = try resolve(address, passive: false)
    var backoff = Backoff(deadline)
    repeat {
      for target in targets {
        do throws(SystemError) {
          let socket = try Internet.socket(target)
          guard try Internet.connect(socket, target, nanoseconds: deadline.remaining) else { continue }
          try prepare(socket, address.options)
          switch try Acceptor.knock(socket, until: deadline) {
          case .admitted: break
          case .refused: throw ChannelErrorMarker.otherUser
          case .silence: throw SystemError.refused
          }
          // Now that it is accepted: before, the kernel's table doesn't say whose it is.
          guard try admits(socket) else {
            throw ChannelErrorMarker.otherUser
          }
          return FramedSender(mechanism, carrier(socket), address.options)
        } catch {
          if error == ChannelErrorMarker.otherUser {
            throw ChannelError(
              .notAllowed, .open, mechanism,
              "another user, or no channel, is on \(address.target): choose another port")
          }
          if error.meansTimedOut { continue }
          guard error.meansRefused else { throw ChannelError(error, .open, mechanism, address.target) }
        }
      }
    } while backoff.pause()
    throw ChannelError(
      .noReceiver, .open, mechanism,
      "nobody receives on \(address.target): start the receiver first, or wait longer for it")
  }

  private enum ChannelErrorMarker {
    /// Not the kernel's: the other side is another user.
    static let otherUser = SystemError(-1, .connect)
  }

  package static func openReceiver(_ address: Address) throws(ChannelError) -> any ReceiverTransport {
    let target = try resolve(address, passive: true)[0]
    do throws(SystemError) {
      let listener = try Internet.socket(target)
      // A port whose last connections are still winding down can be used again; one that has a listener can't.
      try Sockets.setsockopt(listener, .reuseAddress, 1)
      try Internet.bind(listener, target)
      try Sockets.listen(listener)
      let door = try Acceptor(listener) { (socket) throws(SystemError) in try admits(socket) }
      return ListeningReceiver(mechanism, door, address.options, unitBytes: unitBytes, onClose: {})
    } catch {
      if error.meansTaken {
        throw ChannelError(
          .busy, .open, mechanism,
          "\(address.target) is in use: close what listens there, or choose another port")
      }
      throw ChannelError(error, .open, mechanism, address.target)
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
      MechanismLimit("net.ipv4.tcp_wmem", KernelLimit.number("net/ipv4/tcp_wmem", 1), "bytes"),
      MechanismLimit("net.ipv4.tcp_wmem max", KernelLimit.number("net/ipv4/tcp_wmem", 2), "bytes"),
    ]
  }
}
