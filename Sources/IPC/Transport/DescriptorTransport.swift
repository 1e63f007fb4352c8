import SystemCalls

/// What the byte writers and readers of pipes, FIFOs and sockets share: a descriptor, the wait for it in ppoll(2), and
/// its way to a child. The calls that carry bytes stand in each mechanism's chapter.
class DescriptorTransport {
  let mechanism: Mechanism
  final let unitBytes: Int
  final let isStream: Bool
  private var descriptor: Descriptor?
  /// The descriptor's number; -1 once it is closed.
  private final var number: Int32
  /// Runs when this endpoint closes: removes the name that it made, or waits for its command.
  private let onClose: () -> Void

  /// - Parameters:
  ///   - unitBytes: the most bytes of one write, or of one read.
  ///   - isStream: whether the descriptor carries a byte stream of one sender.
  init(
    _ mechanism: Mechanism, _ descriptor: consuming Descriptor, unitBytes: Int, isStream: Bool,
    onClose: @escaping () -> Void = {}
  ) {
    self.mechanism = mechanism
    self.unitBytes = unitBytes
    self.isStream = isStream
    number = descriptor.raw
    self.descriptor = consume descriptor
    self.onClose = onClose
  }

  /// The transport of an endpoint that the parent process passed.
  convenience init(_ inherited: InheritedEndpoint) throws(ChannelError) {
    self.init(
      inherited.mechanism, Descriptor(owning: try inherited.descriptor(0)),
      unitBytes: try inherited.integer("unit"), isStream: try inherited.integer("stream") == 1)
  }

  deinit { close() }

  /// The descriptor's number.
  /// - Throws: `closed` once this endpoint has closed.
  @inline(__always) final func raw(_ operation: ChannelError.Operation) throws(ChannelError) -> Int32 {
    guard number >= 0 else { throw .closed(operation, mechanism) }
    return number
  }

  /// The descriptor opened once more in non-blocking mode (`/proc/self/fd`), for calls that must not wait.
  final func reopenNonblocking(
    writing: Bool, _ operation: ChannelError.Operation
  ) throws(ChannelError) -> Descriptor {
    switch descriptor {
    case .some(let descriptor):
      do throws(SystemError) {
        return try descriptor.reopenedNonblocking(writing: writing)
      } catch {
        if error.meansMissing { throw .withoutProc("/proc/self/fd", operation, mechanism) }
        // ENXIO: the last receiver has closed meanwhile.
        if error.meansRefused { throw .closed(operation, mechanism) }
        throw ChannelError(error, operation, mechanism)
      }
    case .none: throw .closed(operation, mechanism)
    }
  }

  final var interleavesFragments: Bool { !isStream }
  final var readiness: Readiness { .descriptors(number >= 0 ? [number] : [], nil) }
  final var objects: [String] { number >= 0 ? ["fd:\(number)"] : [] }

  // MARK: Waiting

  /// A write found no room: waits in ppoll(2) until there is some, and writes again.
  /// - Returns: 0 if the deadline passes.
  @inline(never) final func waitToWrite(
    until deadline: Deadline, after first: SystemError, _ write: () throws(SystemError) -> Int
  ) throws(ChannelError) -> Int {
    var error = first
    while true {
      guard error.wouldBlock else { throw ChannelError(error, .send, mechanism) }
      // Also where the kernel says again and again that there is room, and finds none for these bytes.
      if deadline.hasPassed { return 0 }
      let number = try raw(.send)
      let ready = try translating(.send, mechanism) { () throws(SystemError) in
        try ppoll(number, write: true, nanoseconds: deadline.remaining)
      }
      if !ready { return 0 }
      do throws(SystemError) {
        return try write()
      } catch let another {
        error = another
      }
    }
  }

  /// Reads: at once, blocking if there is no deadline; else once more after each wait in ppoll(2).
  final func read(
    until deadline: Deadline, _ attempt: (_ waits: Bool) throws(ChannelError) -> ReadOutcome
  ) throws(ChannelError) -> ReadOutcome {
    let first = try attempt(deadline.isNever)
    guard case .nothing = first, !deadline.isNow else { return first }
    return try waitToRead(until: deadline) { () throws(ChannelError) in try attempt(false) }
  }

  /// Waits in ppoll(2) until there are bytes, and reads them.
  @inline(never) final func waitToRead(
    until deadline: Deadline, _ read: () throws(ChannelError) -> ReadOutcome
  ) throws(ChannelError) -> ReadOutcome {
    while true {
      let number = try raw(.receive)
      let ready = try translating(.receive, mechanism) { () throws(SystemError) in
        try ppoll(number, read: true, nanoseconds: deadline.remaining)
      }
      if !ready { return .nothing }
      let outcome = try read()
      guard case .nothing = outcome, !deadline.hasPassed else { return outcome }
    }
  }

  /// What a failed read means: nothing is there yet, the last sender is gone, or an error.
  @inline(never) final func outcome(of error: SystemError) throws(ChannelError) -> ReadOutcome {
    if error.wouldBlock { return .nothing }
    // A socket reports a reset for a peer that died with unread bytes.
    if error.meansClosed { return .ended }
    throw ChannelError(error, .receive, mechanism)
  }

  // MARK: Closing and passing

  func close() {
    guard forget() else { return }
    onClose()
  }

  /// Closes the descriptor. Returns false if it was closed before.
  private func forget() -> Bool {
    guard descriptor != nil else { return false }
    descriptor = nil
    number = -1
    return true
  }

  func transfer() throws(ChannelError) -> EndpointTransfer {
    EndpointTransfer(
      parameters: [("unit", String(unitBytes)), ("stream", isStream ? "1" : "0")],
      descriptors: [try raw(.pass)])
  }

  func finishTransfer() -> AnyObject? {
    _ = forget()
    return nil
  }
}
