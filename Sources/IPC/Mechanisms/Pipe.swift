import SystemCalls

/// Pipes: bytes between related processes (pipe(7)).
///
/// - Opening: pipe2(2) makes a read end and a write end. An endpoint goes to a child when posix_spawn(3) starts it.
///   `pipe:3` is a descriptor that this process inherited under that number: how a program started by another joins.
///   The endpoint is a duplicate: the pipe ends for the peer once number 3 is closed too.
/// - Sending: writev(2) writes header and message in one call. It blocks while the pipe is full; where the call must
///   not block, pwritev2(2) with RWF_NOWAIT fails with EAGAIN instead. A write of at most PIPE_BUF (4096) bytes isn't
///   interleaved with another sender's: with `?senders=many` a larger message goes in fragments of that size.
/// - Receiving: read(2) takes whatever bytes the pipe has, up to 64 KiB; preadv2(2) with RWF_NOWAIT doesn't block.
/// - Waiting: by default (`?wait=adaptive`) a call first tries without blocking, then spins for up to 60 µs
///   (``SpinPolicy``), and then makes the call that blocks. With a deadline it sleeps in ppoll(2) instead.
/// - Closing and dying: when the last write end closes, read(2) returns 0; when the last read end closes, a write
///   fails with EPIPE (SIGPIPE is ignored). The kernel closes the descriptors of a process that dies.
/// - Fragments: a sender of fragments locks the byte of the pipe that has its number (fcntl(2), F_OFD_SETLK). A receiver
///   that has several messages begun asks (F_OFD_GETLK), and drops what dead senders have begun.
/// - Lines (`?framing=line`): the end of a pipe doesn't say whether its writer died. A sender of this library ends each
///   line, and says so when it opens: it sets the owner's execute bit of the pipe's inode, which means nothing there
///   (fchmod(2)). At the end, the receiver looks for it (fstat(2)).
enum PipeMechanism: MechanismImplementation {
  static let mechanism = Mechanism.pipe

  static let traits = MechanismTraits(
    summary: "bytes between related processes; the kernel reports to each process when its peer is gone",
    addressForm: "pipe: or pipe:DESCRIPTOR",
    systemCalls: MechanismTraits.SystemCalls(
      open: ["pipe2", "fcntl"], send: ["writev", "pwritev2", "openat", "fcntl"],
      receive: ["read", "preadv2"],
      wait: ["ppoll", "read", "preadv2", "writev", "pwritev2"], close: ["writev", "close"]),
    manySenders: true, manyReceivers: false, named: false, atomicWriteBytes: atomicBytes, baseline: .pipe,
    caveat: "several senders need ?senders=many, which sends in fragments of 4 KiB")

  /// PIPE_BUF: what the kernel writes in one piece, whatever other processes write.
  static let atomicBytes = 4096
  /// The most bytes of one read or write: a pipe holds as many by default.
  static let streamUnitBytes = 1 << 16

  static func unitBytes(_ senders: ChannelOptions.Sharing) -> Int {
    senders == .one ? streamUnitBytes : atomicBytes
  }

  // MARK: Opening

  static func pair(_ options: ChannelOptions) throws(ChannelError) -> TransportPair {
    let ends = try translating(.open, mechanism) { () throws(SystemError) in try PipeEnds.pipe2() }
    try setCapacity(ends.writing, options, mechanism)
    return ends.take { reading, writing in
      TransportPair(
        FramedSender(mechanism, PipeWriter(mechanism, writing, sharing(options)), options),
        FramedReceiver(mechanism, PipeReader(mechanism, reading, sharing(options)), options))
    }
  }

  static func openSender(
    _ address: Address, until deadline: Deadline
  ) throws(ChannelError) -> any SenderTransport {
    let writer = PipeWriter(mechanism, try descriptor(address), sharing(address.options))
    return FramedSender(mechanism, writer, address.options, hello: .eachProcess)
  }

  static func openReceiver(_ address: Address) throws(ChannelError) -> any ReceiverTransport {
    let reader = PipeReader(mechanism, try descriptor(address), sharing(address.options))
    return FramedReceiver(mechanism, reader, address.options)
  }

  static func adoptSender(_ inherited: InheritedEndpoint) throws(ChannelError) -> any SenderTransport {
    FramedSender(inherited, try PipeWriter(inherited))
  }

  static func adoptReceiver(_ inherited: InheritedEndpoint) throws(ChannelError) -> any ReceiverTransport {
    FramedReceiver(inherited.mechanism, try PipeReader(inherited), inherited.options)
  }

  private static func sharing(_ options: ChannelOptions) -> ChannelOptions.Sharing { options.senders ?? .one }

  /// F_SETPIPE_SZ (fcntl(2)), for `?capacity=`.
  static func setCapacity(
    _ pipe: borrowing Descriptor, _ options: ChannelOptions, _ mechanism: Mechanism
  ) throws(ChannelError) {
    guard let bytes = options.capacityBytes else { return }
    do throws(SystemError) {
      try Streams.fcntl(pipe, pipeSize: Int32(clamping: bytes))
    } catch {
      throw ChannelError(
        .system, .open, mechanism,
        "fcntl F_SETPIPE_SZ to \(bytes) bytes: \(error.description); ask for at most fs.pipe-max-size (\(KernelLimit.number("fs/pipe-max-size"))), or raise that with sysctl",
        errno: error.number)
    }
  }

  /// A duplicate of the descriptor that `pipe:NUMBER` names.
  private static func descriptor(_ address: Address) throws(ChannelError) -> Descriptor {
    guard let number = Int32(address.target), number >= 0 else {
      throw ChannelError(
        .notSupported, .open, mechanism,
        "a pipe has no name: make one with Channel(over:) and pass an endpoint, or write fifo:\(address.target.isEmpty ? "/path" : address.target)"
      )
    }
    return try translating(.open, mechanism, address.description) { () throws(SystemError) in
      let borrowed = Descriptor(owning: number)
      do throws(SystemError) {
        let mine = try borrowed.duplicate()
        _ = borrowed.release()
        return mine
      } catch {
        _ = borrowed.release()
        throw error
      }
    }
  }

  static func limits() -> [MechanismLimit] {
    [
      MechanismLimit("PIPE_BUF", atomicBytes, "bytes"),
      MechanismLimit("pipe size", streamUnitBytes, "bytes"),
      MechanismLimit("fs.pipe-max-size", KernelLimit.number("fs/pipe-max-size"), "bytes"),
    ]
  }
}

/// What both ends of a pipe have.
class PipeTransport: DescriptorTransport {
  override init(
    _ mechanism: Mechanism, _ pipe: consuming Descriptor, unitBytes: Int, isStream: Bool,
    onClose: @escaping () -> Void = {}
  ) {
    super.init(mechanism, pipe, unitBytes: unitBytes, isStream: isStream, onClose: onClose)
    Streams.ignoreSIGPIPE
  }

  /// A sender of lines marks the pipe: a line that has no newline at the end was cut by its death. Text of another program
  /// may end as it does.
  final func promiseWholeLines() { if let pipe = try? raw(.open) { Streams.mark(pipe) } }

  /// The pipe, opened once more: the lock belongs to this process alone, also where others have the pipe's descriptors.
  private final var claimed: Descriptor?

  /// Locks the byte of the pipe that has this number.
  final func claim(_ number: UInt32) {
    if let own = try? reopenNonblocking(writing: true, .send),
      (try? ByteLocks.lock(own.raw, byte: number)) != nil
    {
      claimed = consume own
    } else if let pipe = try? raw(.send) {
      try? ByteLocks.lock(pipe, byte: number)
    }
  }

  /// Where the kernel can't say, a sender counts as alive.
  final var fragmentSenders: FragmentSenders {
    .several { [unowned self] number in
      guard let pipe = try? raw(.receive) else { return true }
      return (try? ByteLocks.isLocked(pipe, byte: number)) ?? true
    }
  }

  override func close() {
    claimed = nil
    super.close()
  }

  override func finishTransfer() -> AnyObject? {
    claimed = nil
    return super.finishTransfer()
  }

  final var isMarked: Bool { (try? raw(.receive)).map { Streams.isMarked($0) } ?? false }

  /// - Parameter senders: `one` makes the pipe a stream of large writes, `many` one of writes that go whole.
  convenience init(
    _ mechanism: Mechanism, _ pipe: consuming Descriptor, _ senders: ChannelOptions.Sharing,
    onClose: @escaping () -> Void = {}
  ) {
    self.init(
      mechanism, pipe, unitBytes: PipeMechanism.unitBytes(senders), isStream: senders == .one,
      onClose: onClose)
  }
}

/// Writes framed bytes into a pipe.
final class PipeWriter: PipeTransport, ByteWriter {
  let carriesLines = true

  func write(
    _ head: UnsafeRawBufferPointer, _ body: UnsafeRawBufferPointer, until deadline: Deadline
  ) throws(ChannelError) -> Int {
    let pipe = try raw(.send)
    do throws(SystemError) {
      return deadline.isNever
        ? unsafe try Streams.writev(pipe, head, body) : unsafe try Streams.pwritev2(pipe, head, body)
    } catch {
      // EAGAIN without a deadline: another process has put the pipe in non-blocking mode.
      return try waitToWrite(until: deadline, after: error) { () throws(SystemError) in
        deadline.isNever
          ? unsafe try Streams.writev(pipe, head, body) : unsafe try Streams.pwritev2(pipe, head, body)
      }
    }
  }
}

/// Reads framed bytes out of a pipe.
final class PipeReader: PipeTransport, ByteReader {
  /// For a command's output: whether the command was killed.
  var commandWasKilled: (() -> Bool)?
  var endMayBeDeath: Bool { commandWasKilled?() ?? isMarked }

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
    let pipe = try raw(.receive)
    do throws(SystemError) {
      let count =
        wait
        ? unsafe try Streams.read(pipe, into: buffer)
        : unsafe try Streams.preadv2(pipe, into: buffer, tries: tries)
      return count == 0 ? .ended : .bytes(count)
    } catch {
      return try outcome(of: error)
    }
  }
}
