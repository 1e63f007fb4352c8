import Glibc
import SystemCalls

/// The ring on sealed memory that travels as a descriptor (memfd_create(2)): handed over at a spawn, or, under a
/// path, sent over a Unix socket to the one sender that connects.
package enum MemfdVariant: MechanismImplementation {
  package static let mechanism = Mechanism("memfd")

  package static let traits = MechanismTraits(
    summary: "the ring of shared memory, in memory that has no name and leaves nothing behind",
    addressForm: "memfd:/path", systemCalls: ["memfd_create", "mmap", "futex (only to sleep or wake)"],
    manySenders: false, manyReceivers: false, caveat: "one sender and one receiver")

  private final class Hold: @unchecked Sendable {
    let memory: MemoryFile
    init(_ memory: consuming MemoryFile) { self.memory = memory }
  }

  private static func create(_ options: ChannelOptions) throws(ChannelError) -> Hold {
    let capacity = Ring.capacity(for: options.capacityBytes ?? 1 << 20)
    do throws(SystemError) {
      let bytes = Ring.bytes(capacity: capacity)
      let descriptor = try MemoryFile.memfdCreate()
      try MemoryFile.ftruncate(descriptor, bytes: bytes)
      try MemoryFile.fcntl(addSeals: descriptor)
      let hold = Hold(try MemoryFile(mmap: descriptor, bytes: bytes))
      unsafe Ring.format(hold.memory.bytes, capacity: capacity)
      return hold
    } catch {
      throw ChannelError(error, .open, mechanism)
    }
  }

  private static func link(_ hold: Hold, _ liveness: LivenessPipe) throws(ChannelError) -> RingLink {
    guard let ring = unsafe Ring(hold.memory.bytes) else {
      throw .violation(mechanism, "a memfd that holds no ring")
    }
    return try RingLink(mechanism, ring, liveness, keep: hold, descriptors: [hold.memory.descriptor.raw])
  }

  private static func map(_ descriptor: consuming Descriptor) throws(ChannelError) -> Hold {
    do throws(SystemError) {
      if let memory = try MemoryFile(mmap: descriptor) { return Hold(memory) }
    } catch {
      throw ChannelError(error, .open, mechanism)
    }
    throw ChannelError(
      .notAllowed, .open, mechanism,
      "the memory isn't sealed against shrinking: build both programs from the same version")
  }

  package static func pair(_ options: ChannelOptions) throws(ChannelError) -> TransportPair {
    let hold = try create(options)
    let livenessPipes = try translating(.open, mechanism) { () throws(SystemError) in try LivenessPipe.pair()
    }
    return TransportPair(
      try RingSender(try link(hold, livenessPipes.sender), options),
      try RingReceiver(try link(hold, livenessPipes.receiver), options))
  }

  // MARK: Under a path

  package static func openReceiver(_ address: Address) throws(ChannelError) -> any ReceiverTransport {
    let path = try address.path()
    let hold = try create(address.options)
    let livenessPipes = try translating(.open, mechanism) { () throws(SystemError) in try LivenessPipe.pair()
    }
    let door = try MemfdDoor(path, sender: livenessPipes.sender, hold.memory.descriptor.raw, keep: hold)
    let receiver = try RingReceiver(try link(hold, livenessPipes.receiver), address.options)
    receiver.onClose = { door.close() }
    return receiver
  }

  package static func openSender(
    _ address: Address, until deadline: Deadline
  ) throws(ChannelError) -> any SenderTransport {
    let path = try address.path()
    var backoff = Backoff(deadline)
    repeat {
      // connect(2) would follow a symbolic link, to wherever it leads.
      try MemfdDoor.checkSocket(path)
      var found: Result<any SenderTransport, ChannelError>?
      do throws(SystemError) {
        let socket = try Sockets.socket(unix: .stream)
        try Sockets.connect(socket, path: path)
        guard try Sockets.getsockopt(peerUser: socket) == CurrentProcess.user else {
          throw MemfdDoor.otherUser
        }
        Acceptor.greet(socket)
        guard let memory = try Sockets.recvmsgDescriptor(over: socket),
          let hold = try Sockets.recvmsgDescriptor(over: socket),
          let senders = try Sockets.recvmsgDescriptor(over: socket),
          let receivers = try Sockets.recvmsgDescriptor(over: socket)
        else { throw SystemError(EPIPE, .recvmsg) }
        let liveness = LivenessPipe(.sender, hold: hold, senders: senders, receivers: receivers)
        found = finish(memory, liveness, address.options)
      } catch {
        if error == MemfdDoor.otherUser {
          throw ChannelError(.notAllowed, .open, mechanism, "\(path) is another user's: name another path")
        }
        if error.meansClosed {
          throw ChannelError(
            .busy, .open, mechanism, "\(path) has its one sender already: close it, or use another path")
        }
        guard error.meansRefused else { throw MemfdDoor.explain(error, path) }
      }
      if let found { return try found.get() }
    } while backoff.pause()
    throw ChannelError(
      .noReceiver, .open, mechanism,
      "nobody receives on \(path): start the receiver first, or wait longer for it")
  }

  private static func finish(
    _ memory: consuming Descriptor, _ liveness: LivenessPipe, _ options: ChannelOptions
  ) -> Result<any SenderTransport, ChannelError> {
    do throws(ChannelError) {
      return .success(try RingSender(try link(try map(memory), liveness), options))
    } catch {
      return .failure(error)
    }
  }

  package static func adoptSender(_ inherited: InheritedEndpoint) throws(ChannelError) -> any SenderTransport
  {
    let hold = try map(Descriptor(owning: try inherited.descriptor(3)))
    return try RingSender(try link(hold, LivenessPipe(.sender, inherited, at: 0)), inherited.options)
  }

  package static func adoptReceiver(_ inherited: InheritedEndpoint) throws(ChannelError)
    -> any ReceiverTransport
  {
    let hold = try map(Descriptor(owning: try inherited.descriptor(3)))
    return try RingReceiver(try link(hold, LivenessPipe(.receiver, inherited, at: 0)), inherited.options)
  }

  package static func limits() -> [MechanismLimit] { [] }
}
