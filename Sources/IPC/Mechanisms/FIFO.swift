import SystemCalls

/// FIFOs: a pipe with a name in the file system (mkfifo(3), fifo(7)). Whoever can reach the path can send; the
/// receiver makes the name, holds a lock on it so that it stays the only one, and removes it.
package enum FIFOMechanism: MechanismImplementation {
  package static let mechanism = Mechanism.fifo

  package static let traits = MechanismTraits(
    summary: "a pipe with a path: any process of this user that can reach it",
    addressForm: "fifo:/path", systemCalls: ["mkfifo", "open", "writev", "read", "poll"],
    manySenders: true, manyReceivers: false,
    caveat: "sends in parts of 4096 bytes, since others may send too; ?senders=one sends large ones faster")

  package static func pair(_ options: ChannelOptions) throws(ChannelError) -> TransportPair {
    // A FIFO in a directory of its own, which both lose their names as soon as both ends are open: nobody else can
    // reach it.
    let directory = "/tmp/swift-ipc-fifo-\(CurrentProcess.process)-\(UInt64.random(in: 0 ... .max))"
    let path = directory + "/fifo"
    return try translating(.open, mechanism, path) { () throws(SystemError) in
      try Files.mkdir(directory)
      defer { try? Files.rmdir(directory) }
      try Files.mkfifo(path)
      defer { try? Files.unlink(path) }
      let reading = try Files.open(path, .read, nonblocking: true)
      let writing = try Files.open(path, .write)
      try reading.setNonblocking(false)
      return EndPairParts(reading, writing)
    }.ends(options)
  }

  private struct EndPairParts: ~Copyable {
    let reading: Descriptor
    let writing: Descriptor

    init(_ reading: consuming Descriptor, _ writing: consuming Descriptor) {
      self.reading = reading
      self.writing = writing
    }

    consuming func ends(_ options: ChannelOptions) throws(ChannelError) -> TransportPair {
      try PipeMechanism.setCapacity(writing, options, mechanism)
      let sender = PipeMechanism.carrier(mechanism, writing, options, kind: .fifoWriter, senders: .many)
      let receiver = PipeMechanism.carrier(mechanism, reading, options, kind: .fifoReader, senders: .many)
      return TransportPair(
        FramedSender(mechanism, sender, options), FramedReceiver(mechanism, receiver, options))
    }
  }

  // What the kernel has no errno for.
  private static let notFIFO = SystemError(-1, .open)
  private static let notMine = SystemError(-2, .open)
  private static let busy = SystemError(-3, .open)

  /// Opens a FIFO of this user's; anything else at the path is an error.
  private static func open(_ path: String, _ access: Files.Access) throws(SystemError) -> Descriptor {
    // Looked at before it is opened, since opening a device can have effects; and again after, since the path
    // may have changed.
    try check(try Files.stat(path))
    // Without O_NONBLOCK the open itself would wait for the other side, and no deadline could end it.
    let descriptor = try Files.open(path, access, nonblocking: true)
    try check(try Files.fstat(descriptor))
    try descriptor.setNonblocking(false)
    return descriptor
  }

  private static func check(_ status: Files.Status) throws(SystemError) {
    if status.kind != .fifo { throw notFIFO }
    if status.owner != CurrentProcess.user { throw notMine }
  }

  private static func explain(_ error: SystemError, _ path: String) -> ChannelError {
    if error == busy {
      return ChannelError(
        .busy, .open, mechanism, "\(path) has its one receiver already: close it, or use another path")
    }
    if error == notFIFO || error.meansLink {
      return ChannelError(
        .wrongKind, .open, mechanism, "\(path) is no FIFO: name another path, or remove what is there")
    }
    if error == notMine {
      return ChannelError(.notAllowed, .open, mechanism, "\(path) is another user's FIFO: name another path")
    }
    return ChannelError(error, .open, mechanism, path)
  }

  package static func openSender(
    _ address: Address, until deadline: Deadline
  ) throws(ChannelError) -> any SenderTransport {
    let path = try address.path()
    var backoff = Backoff(deadline)
    repeat {
      do throws(SystemError) {
        let carrier = PipeMechanism.carrier(
          mechanism, try open(path, .write), address.options, kind: .fifoWriter, senders: .many)
        return FramedSender(mechanism, carrier, address.options)
      } catch {
        // ENXIO: no reader; ENOENT: no FIFO yet.
        guard error.meansRefused else { throw explain(error, path) }
      }
    } while backoff.pause()
    throw ChannelError(
      .noReceiver, .open, mechanism,
      "nobody receives on \(path): start the receiver first, or wait longer for it")
  }

  private static func hasWriter(_ fifo: borrowing Descriptor) throws(SystemError) -> Bool {
    let probe = try fifo.reopenedNonblocking(writing: false)
    var entries = [PollEntry(probe.raw, read: true)]
    try ppoll(&entries, nanoseconds: 0)
    return entries[0].readable || !LivenessPipe.nobodyWrites(probe)
  }

  package static func openReceiver(_ address: Address) throws(ChannelError) -> any ReceiverTransport {
    let path = try address.path()
    var made = false
    do throws(SystemError) {
      do throws(SystemError) {
        try Files.mkfifo(path)
        made = true
      } catch {
        guard error.meansTaken else { throw error }
      }
      var descriptor = try open(path, .read)
      guard try Files.flock(descriptor, wait: false) else { throw busy }
      if !made, try hasWriter(descriptor) {
        // Senders of a receiver that died: what they wrote begins in the middle of a message. A new FIFO takes the
        // name, and they are told that theirs has no reader any more.
        try Files.unlink(path)
        try Files.mkfifo(path)
        made = true
        descriptor = try open(path, .read)
        guard try Files.flock(descriptor, wait: false) else { throw busy }
      }
      let inode = try Files.fstat(descriptor).inode
      let owned = made
      let carrier = PipeMechanism.carrier(
        mechanism, descriptor, address.options, kind: .fifoReader, senders: .many
      ) {
        // Only the name that this end made, and only while it is still this FIFO's.
        if owned, (try? Files.stat(path))?.inode == inode { try? Files.unlink(path) }
      }
      carrier.awaitsFirstSender = true
      carrier.staysHere = true
      return FramedReceiver(mechanism, carrier, address.options)
    } catch {
      // Busy: somebody else has opened it meanwhile, and it is theirs.
      if made, error != busy { try? Files.unlink(path) }
      throw explain(error, path)
    }
  }

  package static func adoptSender(_ inherited: InheritedEndpoint) throws(ChannelError) -> any SenderTransport
  {
    try inherited.descriptorSender(.fifoWriter)
  }

  package static func adoptReceiver(_ inherited: InheritedEndpoint) throws(ChannelError)
    -> any ReceiverTransport
  {
    try inherited.descriptorReceiver(.fifoReader)
  }

  package static func limits() -> [MechanismLimit] { PipeMechanism.limits() }
}
