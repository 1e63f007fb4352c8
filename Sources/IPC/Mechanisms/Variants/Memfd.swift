import Synchronization
import SystemCalls

/// The ring of shared memory, in memory behind a descriptor (memfd_create(2)): it has no name and leaves nothing
/// behind.
///
/// - Opening: memfd_create(2), ftruncate(2), fcntl(2) with F_ADD_SEALS, so that no process can shrink it, and
///   mmap(2). A spawn passes the descriptor. Under a path the receiver listens on a Unix socket, and sends the one
///   sender that connects the memory and the liveness pipe: four descriptors, with sendmsg(2) and SCM_RIGHTS.
/// - Sending, receiving, waiting and dying: as through shared memory (``SharedMemoryMechanism``).
enum MemfdMechanism: MechanismImplementation {
  static let mechanism = Mechanism.memfd

  static let traits = MechanismTraits(
    summary: "the ring of shared memory, in memory that has no name and leaves nothing behind",
    addressForm: "memfd:/path",
    systemCalls: MechanismTraits.SystemCalls(
      open: [
        "memfd_create", "ftruncate", "fcntl", "mmap", "membarrier", "socket", "openat", "flock", "newfstatat",
        "fchmod", "bind", "unlink", "listen", "accept4", "connect", "getsockopt", "sendmsg", "recvmsg",
        "ppoll",
      ], send: ["futex"], receive: ["futex"], wait: ["futex", "membarrier"],
      close: ["futex", "munmap", "close", "shutdown", "newfstatat", "unlink"]
    )
    .adding(LivenessPipe.systemCalls),
    manySenders: false, manyReceivers: false, writesInPlace: true, caveat: "one sender and one receiver")

  /// Keeps the memory mapped.
  private final class Mapping: AttachedMemory {
    let memory: MemoryFile
    var bytes: UnsafeMutableRawBufferPointer { unsafe memory.bytes }
    init(_ memory: consuming MemoryFile) { self.memory = memory }
  }

  private static func create(_ options: ChannelOptions) throws(ChannelError) -> Mapping {
    let capacity = Ring.capacity(for: options.capacityBytes ?? SharedMemoryMechanism.defaultCapacity)
    let bytes = Ring.bytes(capacity: capacity)
    let mapping = try translating(.open, mechanism) { () throws(SystemError) in
      let file = try MemoryFile.memfdCreate()
      try MemoryFile.ftruncate(file, bytes: bytes)
      try MemoryFile.fcntl(addSeals: file)
      return Mapping(try MemoryFile(mmap: file, bytes: bytes))
    }
    unsafe Ring.format(mapping.memory.bytes, capacity: capacity)
    return mapping
  }

  /// Maps memory that another process made, if it can't be shrunk.
  private static func map(_ descriptor: consuming Descriptor) throws(ChannelError) -> Mapping {
    let memory: MemoryFile?
    do throws(SystemError) {
      memory = try MemoryFile(mmap: descriptor)
    } catch {
      throw ChannelError(error, .open, mechanism)
    }
    switch consume memory {
    case .some(let memory): return Mapping(memory)
    case .none:
      throw ChannelError(
        .notAllowed, .open, mechanism,
        "the memfd isn't sealed against shrinking: check the program that receives on this channel")
    }
  }

  private static func endpoint(
    _ mapping: Mapping, _ liveness: LivenessPipe
  ) throws(ChannelError) -> RingEndpoint {
    guard let ring = unsafe try Ring(mapping.memory.bytes, mechanism) else {
      throw ChannelError(
        .protocolViolation, .open, mechanism,
        "the memfd holds no ring: check the program that receives on this channel")
    }
    return try RingEndpoint(
      mechanism, ring, liveness, descriptors: [mapping.memory.descriptor.raw], attachments: mapping)
  }

  static func pair(_ options: ChannelOptions) throws(ChannelError) -> TransportPair {
    let mapping = try create(options)
    let pipes = try translating(.open, mechanism) { () throws(SystemError) in try LivenessPipe.pair() }
    return TransportPair(
      try RingSender(try endpoint(mapping, pipes.sender), options),
      try RingReceiver(try endpoint(mapping, pipes.receiver), options))
  }

  // MARK: Under a path

  /// The sender's liveness pipe until a sender comes for it.
  private final class Offer: Sendable {
    private let sender: Locked<LivenessPipe?>

    init(_ sender: LivenessPipe) { self.sender = Locked(sender) }

    func take() -> LivenessPipe? {
      sender.withLock { sender in
        defer { sender = nil }
        return sender
      }
    }

    /// Sends the memory and the liveness pipe to a sender, unless another has them.
    /// - Throws: if the sender is gone, or has given up; the next one gets them then.
    func give(_ memory: borrowing Descriptor, over socket: borrowing Descriptor) throws(SystemError) {
      guard let offered = take() else { return }
      do throws(SystemError) {
        try Sockets.sendmsg(descriptor: memory, over: socket)
        for raw in offered.descriptors { try Sockets.sendmsg(raw: raw, over: socket) }
      } catch {
        sender.withLock { $0 = offered }
        throw error
      }
      offered.releaseToChild()
    }
  }

  static func openReceiver(_ address: Address) throws(ChannelError) -> any ReceiverTransport {
    let path = try address.path()
    let mapping = try create(address.options)
    let pipes = try translating(.open, mechanism) { () throws(SystemError) in try LivenessPipe.pair() }
    let offer = Offer(pipes.sender)
    let receiver = try RingReceiver(try endpoint(mapping, pipes.receiver), address.options)
    let messageType = address.options.messageType
    let acceptor: Acceptor
    let inode: UInt64?
    do throws(SystemError) {
      let listener = try Sockets.socket(unix: .stream)
      let boundInode = try SocketPath.listen(listener, at: path)
      var isOpen = false
      defer { if !isOpen { SocketPath.remove(path, boundInode) } }
      inode = boundInode
      acceptor = try Acceptor(
        listener,
        admits: { (socket) throws(SystemError) in
          try Sockets.getsockopt(peerUser: socket) == CurrentProcess.user
        },
        afterHandshake: { (socket, type) throws(SystemError) in
          // The sender finds a mismatch by itself, and is answered in any case.
          Handshake.send(socket, messageType)
          guard type == nil || messageType == nil || type == messageType else { return }
          try offer.give(mapping.memory.descriptor, over: socket)
        })
      isOpen = true
    } catch {
      receiver.close()
      throw SocketPath.explain(error, path, mechanism)
    }
    receiver.onClose = {
      // While the socket is bound: no other process can have replaced the file by its own.
      SocketPath.remove(path, inode)
      acceptor.close()
      _ = offer.take()
    }
    return receiver
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
        // A receiver that dies or closes ends the handshake as one of another version does, which ends every one; and
        // it ends the transfer as one does that has its sender.
        let isBusyAgain = error.code == .busy && last?.code == .busy
        guard error.meansNoReceiver || mayBeDying(error), !isBusyAgain else { throw error }
        // An attempt that ran out of time says nothing that the one before didn't.
        if last == nil || !error.meansNoReceiver || !deadline.hasPassed { last = error }
      }
    } while backoff.pause()
    guard let last, last.code == .noReceiver || mayBeDying(last) else {
      throw .noReceiver(mechanism, at: path)
    }
    throw last
  }

  private static func mayBeDying(_ error: ChannelError) -> Bool {
    error.code == .versionMismatch || error.code == .busy
  }

  private static func connect(
    to path: String, _ options: ChannelOptions, until deadline: Deadline
  ) throws(ChannelError) -> any SenderTransport {
    let socket = try translating(.open, mechanism, path) { () throws(SystemError) in
      try Sockets.socket(unix: .stream, nonblocking: true)
    }
    try SocketPath.connect(socket, to: path, mechanism)
    Handshake.send(socket, options.messageType)
    let answer = try translating(.open, mechanism, path) { () throws(SystemError) in
      let answer = try Handshake.receive(socket, isStream: true, until: deadline)
      guard case .pending = answer else { return answer }
      giveUp(socket)
      return try Handshake.receive(socket, isStream: true, until: .now)
    }
    var known = options
    switch answer {
    case .received(let type):
      try MessageType.check(options.messageType, type, .open, mechanism)
      // What a child is told of the channel.
      known.messageType = options.messageType ?? type
    case .otherVersion(let version): throw .versionMismatch(version, .open, mechanism)
    // A receiver of version 1 knows no other.
    case .ended where !deadline.hasPassed: throw .versionMismatch(1, .open, mechanism)
    case .refused: throw SocketPath.anotherProgram(path, mechanism)
    case .ended, .pending: throw .noAnswer(mechanism, path)
    }
    let memory = try receive(socket, path, until: deadline)
    let hold = try receive(socket, path, until: deadline)
    let senders = try receive(socket, path, until: deadline)
    let receivers = try receive(socket, path, until: deadline)
    let liveness = LivenessPipe(.sender, hold: hold, senders: senders, receivers: receivers)
    return try RingSender(try endpoint(try map(memory), liveness), known)
  }

  /// The deadline has passed. From here on the receiver can't send, and offers the place to the next sender; unless it has
  /// sent everything before that: then this sender has the place, and must take it.
  private static func giveUp(_ socket: borrowing Descriptor) { Sockets.shutdown(reading: socket.raw) }

  private static func receive(
    _ socket: borrowing Descriptor, _ path: String, until deadline: Deadline
  ) throws(ChannelError) -> Descriptor {
    let received: Descriptor?
    do throws(SystemError) {
      if try !ppoll(socket.raw, read: true, nanoseconds: deadline.remaining) { giveUp(socket) }
      received = try Sockets.recvmsgDescriptor(over: socket)
    } catch {
      if !error.meansClosed { throw ChannelError(error, .open, mechanism, path) }
      received = nil
    }
    switch consume received {
    case .some(let descriptor): return descriptor
    case .none:
      if deadline.hasPassed { throw .noAnswer(mechanism, path) }
      throw ChannelError(
        .busy, .open, mechanism, "\(path) already has its one sender: close that sender, or use another path")
    }
  }

  static func adoptSender(_ inherited: InheritedEndpoint) throws(ChannelError) -> any SenderTransport {
    let mapping = try map(Descriptor(owning: try inherited.descriptor(LivenessPipe.descriptorCount)))
    return try RingSender(try endpoint(mapping, LivenessPipe(.sender, inherited)), inherited.options)
  }

  static func adoptReceiver(_ inherited: InheritedEndpoint) throws(ChannelError) -> any ReceiverTransport {
    let mapping = try map(Descriptor(owning: try inherited.descriptor(LivenessPipe.descriptorCount)))
    return try RingReceiver(try endpoint(mapping, LivenessPipe(.receiver, inherited)), inherited.options)
  }

  static func limits() -> [MechanismLimit] { [] }
}
