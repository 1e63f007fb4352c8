import SystemCalls

/// FIFOs: a pipe with a name in the file system (fifo(7)).
///
/// - Opening: the receiver makes the name with mkfifo(3) (mknodat(2)), mode 0600, opens it with openat(2) for
///   reading, and holds flock(2) on it, so that it stays the only one. A sender opens it for writing with O_NONBLOCK,
///   which fails with ENXIO while there is no receiver, and tries again until its deadline. A channel without a name
///   makes a FIFO in /tmp, opens both ends, and removes the name; what a kill in between leaves is recorded
///   (``AnonymousEntry``).
/// - Sending: writev(2), as into a pipe. Other senders may send too, so a message that is larger than PIPE_BUF (4096
///   bytes) goes in fragments; `?senders=one` writes it as a stream. A FIFO doesn't know RWF_NOWAIT: for a call that
///   must not block, it is opened a second time in non-blocking mode, and writev(2) fails with EAGAIN.
/// - Receiving: read(2), from either descriptor.
/// - Waiting: by default (`?wait=adaptive`) a call first tries without blocking, then spins for up to 60 µs
///   (``SpinPolicy``), and then makes the call that blocks. With a deadline it sleeps in ppoll(2) instead. A FIFO
///   that no sender has opened yet reads as ended, so the first receive waits in ppoll(2) for a sender.
/// - Closing and dying: when the last sender closes, read(2) returns 0; when the receiver closes, writev(2) fails
///   with EPIPE. The receiver removes the name with unlink(2) if it, or one that died, made it, which the FIFO's sticky
///   bit shows; not if mkfifo(1) made it. A receiver that finds the senders of a dead one makes a new FIFO under the
///   name: theirs has no reader any more, and their writes fail.
/// - Fragments: a sender of fragments locks a byte, as in a pipe (``PipeMechanism``).
/// - Lines (`?framing=line`): a sender marks the FIFO with fchmod(2), as it does a pipe (``PipeMechanism``), so that the
///   receiver finds the line that a death has cut.
enum FIFOMechanism: MechanismImplementation {
  static let mechanism = Mechanism.fifo

  static let traits = MechanismTraits(
    summary: "a pipe with a path: any process of this user that can reach it",
    addressForm: "fifo:/path",
    systemCalls: MechanismTraits.SystemCalls(
      open: [
        "mkdir", "mknodat", "openat", "flock", "newfstatat", "fcntl", "ftruncate", "lseek", "write", "unlink",
        "rmdir", "close",
      ],
      send: ["writev", "openat", "fcntl"], receive: ["read", "openat", "ppoll"],
      wait: ["ppoll", "read", "writev"],
      close: ["writev", "close", "newfstatat", "unlink"]),
    manySenders: true, manyReceivers: false, atomicWriteBytes: PipeMechanism.atomicBytes, baseline: .fifo,
    caveat:
      "sends in fragments of 4 KiB, since others may send too; ?senders=one sends large messages faster")

  private static func sharing(_ options: ChannelOptions) -> ChannelOptions.Sharing {
    options.senders ?? .many
  }

  // MARK: Opening

  static func pair(_ options: ChannelOptions) throws(ChannelError) -> TransportPair {
    _ = Leftovers.areRemoved
    return try ResourceCleaner.making { () throws(ChannelError) in try make(options) }
  }

  private static func make(_ options: ChannelOptions) throws(ChannelError) -> TransportPair {
    let name = TemporaryFIFO.newName()
    // Until the FIFO has no name any more.
    let entry = AnonymousEntry.begin(mechanism, [KernelObjects.fifoName: name])
    defer { entry?.remove() }
    let path = TemporaryFIFO.path(name)
    return try translating(.open, mechanism, path) { () throws(SystemError) in
      try Files.mkfifo(path, isMarked: true)
      defer { try? Files.unlink(path) }
      let reading = try Files.open(path, .read, nonblocking: true)
      let writing = try Files.open(path, .write)
      try reading.setNonblocking(false)
      return Ends(reading, writing)
    }.pair(options)
  }

  /// The FIFO of a channel without a name, for as long as it has one itself.
  enum TemporaryFIFO {
    private static let prefix = "swift-ipc-fifo-"

    static func newName() -> String { "\(prefix)\(UInt64.random(in: 0 ... .max))" }
    static func path(_ name: String) -> String { "/tmp/\(name)" }

    /// Removes one that a killed process has left.
    static func remove(_ name: String) {
      guard name.hasPrefix(prefix), !name.contains("/"), let status = try? Files.stat(path(name)),
        status.kind == .fifo, status.owner == CurrentProcess.user
      else { return }
      try? Files.unlink(path(name))
    }
  }

  /// Two noncopyable values on their way out of a closure.
  private struct Ends: ~Copyable {
    let reading: Descriptor
    let writing: Descriptor

    init(_ reading: consuming Descriptor, _ writing: consuming Descriptor) {
      self.reading = reading
      self.writing = writing
    }

    consuming func pair(_ options: ChannelOptions) throws(ChannelError) -> TransportPair {
      try PipeMechanism.setCapacity(writing, options, mechanism)
      let sender = FIFOWriter(mechanism, writing, sharing(options))
      let receiver = FIFOReader(mechanism, reading, sharing(options))
      return TransportPair(
        FramedSender(mechanism, sender, options), FramedReceiver(mechanism, receiver, options))
    }
  }

  static func openSender(
    _ address: Address, until deadline: Deadline
  ) throws(ChannelError) -> any SenderTransport {
    let path = try address.path()
    var backoff = Backoff(deadline)
    repeat {
      do throws(ChannelError) {
        let writer = FIFOWriter(mechanism, try open(path, .write), sharing(address.options))
        return FramedSender(mechanism, writer, address.options, hello: .eachProcess)
      } catch {
        // ENXIO: no reader; ENOENT: no FIFO yet.
        guard error.meansNoReceiver else { throw error }
      }
    } while backoff.pause()
    throw .noReceiver(mechanism, at: path)
  }

  /// How often another process may make or remove the name between two calls of an opening.
  private static let maximumAttempts = 1000

  static func openReceiver(_ address: Address) throws(ChannelError) -> any ReceiverTransport {
    let path = try address.path()
    for _ in 0..<maximumAttempts {
      let isNew = try make(path)
      do throws(ChannelError) {
        let fifo = try openLocked(path)
        // Another process may have removed the name, and made it anew, before this one had the lock.
        let mine = try translating(.open, mechanism, path) { () throws(SystemError) in try Files.fstat(fifo) }
        guard (try? Files.stat(path))?.inode == mine.inode else { continue }
        if !isNew, try hasSender(fifo, path) {
          // The senders of a receiver that died: what they wrote begins in the middle of a message. A new FIFO takes the
          // name, and their writes fail with EPIPE.
          try translating(.open, mechanism, path) { () throws(SystemError) in try Files.unlink(path) }
          continue
        }
        let reader = FIFOReader(mechanism, fifo, sharing(address.options))
        reader.receive(under: path, removing: mine.isMarked ? mine.inode : nil)
        return FramedReceiver(mechanism, reader, address.options)
      } catch {
        // Another process has removed it meanwhile.
        if error.meansNoReceiver { continue }
        // Busy: another process has opened it meanwhile, and it belongs to that one.
        if isNew, error.code != .busy { try? Files.unlink(path) }
        throw error
      }
    }
    throw ChannelError(
      .busy, .open, mechanism, "other processes make and remove \(path) all the time: use another path")
  }

  /// mkfifo(3). Returns false if the name exists.
  private static func make(_ path: String) throws(ChannelError) -> Bool {
    do throws(SystemError) {
      try Files.mkfifo(path, isMarked: true)
      return true
    } catch {
      if error.meansTaken { return false }
      throw ChannelError(error, at: path, mechanism)
    }
  }

  /// Opens this user's FIFO; anything else at the path is an error.
  private static func open(_ path: String, _ access: Files.Access) throws(ChannelError) -> Descriptor {
    func explaining<Result: ~Copyable>(
      _ call: () throws(SystemError) -> Result
    ) throws(ChannelError) -> Result {
      do {
        return try call()
      } catch {
        throw error.meansLink ? notFIFO(path) : ChannelError(error, at: path, mechanism)
      }
    }
    func check(_ status: Files.Status) throws(ChannelError) {
      if status.kind != .fifo { throw notFIFO(path) }
      if status.owner != CurrentProcess.user {
        throw ChannelError(
          .notAllowed, .open, mechanism, "\(path) is user \(status.owner)'s FIFO: use another path")
      }
    }
    // Looked at before it is opened, since opening a device can have effects; and again after, since the path may have
    // changed.
    try check(try explaining { () throws(SystemError) in try Files.stat(path) })
    // Without O_NONBLOCK the open itself would wait for the other process, and no deadline could end it.
    let fifo = try explaining { () throws(SystemError) in try Files.open(path, access, nonblocking: true) }
    try check(try explaining { () throws(SystemError) in try Files.fstat(fifo) })
    try explaining { () throws(SystemError) in try fifo.setNonblocking(false) }
    return fifo
  }

  private static func notFIFO(_ path: String) -> ChannelError {
    ChannelError(
      .wrongKind, .open, mechanism, "\(path) isn't a FIFO: use another path, or remove what is there")
  }

  /// Opens the FIFO for reading, with flock(2), which the only receiver holds.
  private static func openLocked(_ path: String) throws(ChannelError) -> Descriptor {
    let fifo = try open(path, .read)
    guard
      try translating(
        .open, mechanism, path, { () throws(SystemError) in try Files.flock(fifo, wait: false) })
    else {
      throw ChannelError(
        .busy, .open, mechanism,
        "\(path) already has its one receiver: close that receiver, or use another path")
    }
    return fifo
  }

  /// Whether a sender has the FIFO open, or left bytes in it.
  private static func hasSender(_ fifo: borrowing Descriptor, _ path: String) throws(ChannelError) -> Bool {
    do throws(SystemError) {
      let probe = try fifo.reopenedNonblocking(writing: false)
      var entries = [PollEntry(probe.raw, read: true)]
      try ppoll(&entries, nanoseconds: 0)
      return entries[0].readable || !LivenessPipe.hasNoWriter(probe)
    } catch {
      if error.meansMissing { throw .withoutProc("/proc/self/fd", .open, mechanism) }
      throw ChannelError(error, .open, mechanism, path)
    }
  }

  static func adoptSender(_ inherited: InheritedEndpoint) throws(ChannelError) -> any SenderTransport {
    FramedSender(inherited, try FIFOWriter(inherited))
  }

  static func adoptReceiver(_ inherited: InheritedEndpoint) throws(ChannelError) -> any ReceiverTransport {
    FramedReceiver(mechanism, try FIFOReader(inherited), inherited.options)
  }

  static func limits() -> [MechanismLimit] { PipeMechanism.limits() }
}

/// What both ends of a FIFO have: a second, non-blocking descriptor of the same FIFO, for calls that must not wait.
class FIFOTransport: PipeTransport {
  private var nonblocking: Descriptor?
  private final var nonblockingNumber: Int32 = -1

  @inline(__always) final func rawNonblocking(
    writing: Bool, _ operation: ChannelError.Operation
  ) throws(ChannelError) -> Int32 {
    nonblockingNumber >= 0 ? nonblockingNumber : try openNonblocking(writing: writing, operation)
  }

  @inline(never) private func openNonblocking(
    writing: Bool, _ operation: ChannelError.Operation
  ) throws(ChannelError) -> Int32 {
    let second = try reopenNonblocking(writing: writing, operation)
    nonblockingNumber = second.raw
    nonblocking = consume second
    return nonblockingNumber
  }

  override func close() {
    nonblockingNumber = -1
    nonblocking = nil
    super.close()
  }

  override func finishTransfer() -> AnyObject? {
    nonblockingNumber = -1
    nonblocking = nil
    return super.finishTransfer()
  }
}

/// Writes framed bytes into a FIFO.
final class FIFOWriter: FIFOTransport, ByteWriter {
  let carriesLines = true

  func write(
    _ head: UnsafeRawBufferPointer, _ body: UnsafeRawBufferPointer, until deadline: Deadline
  ) throws(ChannelError) -> Int {
    let fifo = deadline.isNever ? try raw(.send) : try rawNonblocking(writing: true, .send)
    do throws(SystemError) {
      return unsafe try Streams.writev(fifo, head, body)
    } catch {
      return try waitToWrite(until: deadline, after: error) { () throws(SystemError) in
        unsafe try Streams.writev(fifo, head, body)
      }
    }
  }
}

/// Reads framed bytes out of a FIFO.
final class FIFOReader: FIFOTransport, ByteReader {
  var endMayBeDeath: Bool { isMarked }
  /// No sender has opened the FIFO yet: it reads as ended until one does.
  private var awaitsFirstSender = false
  /// This receiver removes the FIFO's name when it closes: another process opens the name instead.
  private var hasName = false
  private var removeName: () -> Void = {}
  /// A write end of this receiver's own, which keeps the FIFO from reading as ended until a sender has written.
  private var standIn: Descriptor?
  private var hasStandIn = false

  /// Receives under a name.
  /// - Parameter inode: the FIFO's, if this receiver removes the name when it closes.
  func receive(under path: String, removing inode: UInt64?) {
    awaitsFirstSender = true
    hasName = true
    guard let inode else { return }
    // Only while the name is still this FIFO's.
    removeName = { if (try? Files.stat(path))?.inode == inode { try? Files.unlink(path) } }
  }

  func read(
    into buffer: UnsafeMutableRawBufferPointer, until deadline: Deadline
  ) throws(ChannelError) -> ReadOutcome {
    if awaitsFirstSender {
      return try waitToRead(until: deadline) { () throws(ChannelError) in
        awaitsFirstSender = false
        return unsafe try receive(buffer, wait: false, tries: 1)
      }
    }
    return try read(until: deadline) { waits throws(ChannelError) in
      unsafe try receive(buffer, wait: waits, tries: 1)
    }
  }

  func read(into buffer: UnsafeMutableRawBufferPointer, tries: Int) throws(ChannelError) -> ReadOutcome {
    awaitsFirstSender
      ? unsafe try read(into: buffer, until: .now) : unsafe try receive(buffer, wait: false, tries: tries)
  }

  private func receive(
    _ buffer: UnsafeMutableRawBufferPointer, wait: Bool, tries: Int
  ) throws(ChannelError) -> ReadOutcome {
    let fifo = wait ? try raw(.receive) : try rawNonblocking(writing: false, .receive)
    do throws(SystemError) {
      let count = unsafe try Streams.read(fifo, into: buffer, tries: tries)
      if hasStandIn { dropStandIn() }
      return count == 0 ? .ended : .bytes(count)
    } catch {
      return try outcome(of: error)
    }
  }

  func awaitSender() -> Bool {
    guard hasName, let writer = try? reopenNonblocking(writing: true, .receive) else { return false }
    standIn = consume writer
    hasStandIn = true
    return true
  }

  @inline(never) private func dropStandIn() {
    standIn = nil
    hasStandIn = false
  }

  override func close() {
    dropStandIn()
    // While this receiver has the lock: the next one doesn't open what has no name any more.
    removeName()
    removeName = {}
    super.close()
  }

  override func transfer() throws(ChannelError) -> EndpointTransfer {
    if hasName { throw .named(mechanism) }
    return try super.transfer()
  }
}
