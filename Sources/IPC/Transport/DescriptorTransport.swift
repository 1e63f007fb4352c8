package import SystemCalls

/// A descriptor that bytes go out of or come in from: a pipe, a FIFO, a socket.
package final class DescriptorCarrier: ByteWriter, ByteReader {
  package enum Kind: Sendable {
    /// read(2), writev(2) and their RWF_NOWAIT forms, which every pipe of pipe2(2) has.
    case pipe
    /// read(2), writev(2); a FIFO has no RWF_NOWAIT, so it is opened a second time, in non-blocking mode.
    case fifoReader, fifoWriter
    /// recvmsg(2), sendmsg(2) with MSG_DONTWAIT where they mustn't wait.
    case socket
  }

  package let unitBytes: Int
  package let isStream: Bool
  package var partsInterleave: Bool { !isStream }
  package var carriesLines: Bool { isStream || kind != .socket }
  private let mechanism: Mechanism
  private let kind: Kind
  private var descriptor: Descriptor?
  /// Its number; -1 once it is closed.
  private var number: Int32
  private var nonblocking: Descriptor?
  private var numberOfNonblocking: Int32 = -1
  /// A FIFO that nobody has opened for writing yet reads as ended: wait for the first sender before the first read.
  package var awaitsFirstSender: Bool {
    get { isAwaiting }
    set { isAwaiting = newValue }
  }
  private var isAwaiting = false
  /// What goes when this end closes: the name of a FIFO that this process made.
  private let onClose: () -> Void

  package init(
    _ mechanism: Mechanism, _ descriptor: consuming Descriptor, kind: Kind, unitBytes: Int, isStream: Bool,
    onClose: @escaping () -> Void = {}
  ) {
    self.mechanism = mechanism
    number = descriptor.raw
    self.descriptor = consume descriptor
    self.kind = kind
    self.unitBytes = unitBytes
    self.isStream = isStream
    self.onClose = onClose
    if kind != .socket { Streams.ignoreSIGPIPE }
  }

  /// The FIFO's second, non-blocking descriptor.
  @inline(__always) private func rawNonblocking(
    _ operation: ChannelOperation
  ) throws(ChannelError) -> Int32 {
    numberOfNonblocking >= 0 ? numberOfNonblocking : try openNonblocking(operation)
  }

  @inline(never) private func openNonblocking(_ operation: ChannelOperation) throws(ChannelError) -> Int32 {
    if nonblocking == nil {
      switch descriptor {
      case .some(let descriptor):
        do throws(SystemError) {
          nonblocking = try descriptor.reopenedNonblocking(writing: kind == .fifoWriter)
        } catch {
          // ENXIO: the last receiver went meanwhile.
          if error.meansRefused { throw .closed(operation, mechanism) }
          throw ChannelError(error, operation, mechanism)
        }
      case .none: break
      }
    }
    switch nonblocking {
    case .some(let nonblocking):
      numberOfNonblocking = nonblocking.raw
      return nonblocking.raw
    case .none: throw .closed(operation, mechanism)
    }
  }

  deinit { close() }

  private func raw(_ operation: ChannelOperation) throws(ChannelError) -> Int32 {
    guard number >= 0 else { throw .closed(operation, mechanism) }
    return number
  }

  @inline(__always) package func write(
    _ head: UnsafeRawBufferPointer, _ body: UnsafeRawBufferPointer, _ position: PartPosition,
    until deadline: Deadline
  ) throws(ChannelError) -> Int {
    let raw = kind == .fifoWriter && !deadline.isNever ? try rawNonblocking(.send) : try raw(.send)
    do throws(SystemError) {
      return unsafe try put(raw, head, body, wait: deadline.isNever)
    } catch {
      if error.wouldBlock, deadline.isNow { return 0 }
      return unsafe try writeInTime(raw, head, body, until: deadline, after: error)
    }
  }

  @inline(never) private func writeInTime(
    _ raw: Int32, _ head: UnsafeRawBufferPointer, _ body: UnsafeRawBufferPointer, until deadline: Deadline,
    after first: SystemError
  ) throws(ChannelError) -> Int {
    var error = first
    while true {
      guard error.wouldBlock else { throw ChannelError(error, .send, mechanism) }
      let ready = try translating(.send, mechanism) { () throws(SystemError) in
        try ppoll(raw, write: true, nanoseconds: deadline.remaining)
      }
      if !ready { return 0 }
      do throws(SystemError) {
        return unsafe try put(raw, head, body, wait: deadline.isNever)
      } catch let another {
        error = another
      }
    }
  }

  @inline(__always) private func put(
    _ raw: Int32, _ head: UnsafeRawBufferPointer, _ body: UnsafeRawBufferPointer, wait: Bool
  ) throws(SystemError) -> Int {
    // A FIFO that isn't to wait is written through a descriptor of its own, which never does.
    kind == .socket
      ? unsafe try Sockets.sendmsg(raw, head, body, wait: wait)
      : wait || kind != .pipe
        ? unsafe try Streams.writev(raw, head, body) : unsafe try Streams.pwritev2(raw, head, body)
  }

  @inline(__always) package func read(
    into buffer: UnsafeMutableRawBufferPointer, until deadline: Deadline
  ) throws(ChannelError) -> ReadOutcome {
    guard deadline.isNever, !isAwaiting else { return unsafe try readInTime(buffer, until: deadline) }
    let raw = try raw(.receive)
    do throws(SystemError) {
      return unsafe try take(raw, buffer, wait: true)
    } catch {
      // A blocking read that found nothing: the open file is in non-blocking mode.
      if error.wouldBlock { return unsafe try readInTime(buffer, until: deadline) }
      return try failed(error)
    }
  }

  @inline(__always) package func read(
    into buffer: UnsafeMutableRawBufferPointer, trying times: Int
  ) throws(ChannelError) -> ReadOutcome {
    if isAwaiting { return unsafe try readInTime(buffer, until: .now) }
    let raw = kind == .fifoReader ? try rawNonblocking(.receive) : try raw(.receive)
    do throws(SystemError) {
      return unsafe try take(raw, buffer, wait: false, tries: times)
    } catch {
      return error.wouldBlock ? .nothing : try failed(error)
    }
  }

  @inline(never) private func readInTime(
    _ buffer: UnsafeMutableRawBufferPointer, until deadline: Deadline
  ) throws(ChannelError) -> ReadOutcome {
    let raw = try raw(.receive)
    while true {
      if !isAwaiting {
        let outcome = unsafe try read(into: buffer, trying: 1)
        if case .nothing = outcome {} else { return outcome }
        if deadline.isNow { return .nothing }
      }
      let ready = try translating(.receive, mechanism) { () throws(SystemError) in
        try ppoll(raw, read: true, nanoseconds: deadline.remaining)
      }
      if !ready { return .nothing }
      isAwaiting = false
    }
  }

  @inline(__always) private func take(
    _ raw: Int32, _ buffer: UnsafeMutableRawBufferPointer, wait: Bool, tries: Int = 1
  ) throws(SystemError) -> ReadOutcome {
    if kind == .socket {
      var truncated = false
      let count = unsafe try Sockets.recvmsg(
        raw, into: buffer, wait: wait, tries: tries, truncated: &truncated)
      if truncated { throw SystemError.packetTooLong }
      return count == 0 ? .ended : .bytes(count)
    }
    // A FIFO that isn't to wait is read through a descriptor of its own, which never does.
    let count =
      wait || kind != .pipe
      ? unsafe try Streams.read(raw, into: buffer, tries: tries)
      : unsafe try Streams.preadv2(raw, into: buffer, tries: tries)
    return count == 0 ? .ended : .bytes(count)
  }

  @inline(never) private func failed(_ error: SystemError) throws(ChannelError) -> ReadOutcome {
    if error == .packetTooLong { throw .violation(mechanism, "a packet of more than \(unitBytes) bytes") }
    // A reset is how a socket tells that its peer died with bytes of ours unread.
    if error.meansClosed { return .ended }
    throw ChannelError(error, .receive, mechanism)
  }

  /// A FIFO's readiness is that of the descriptor that it was opened with.
  package var readiness: Readiness { .descriptors(number >= 0 ? [number] : [], nil) }

  package func close() {
    guard descriptor != nil else { return }
    descriptor = nil
    number = -1
    nonblocking = nil
    numberOfNonblocking = -1
    onClose()
  }

  /// It has a name that goes with it: another process opens that.
  package var staysHere = false

  package func transfer() throws(ChannelError) -> EndpointTransfer {
    if staysHere { throw .named(mechanism) }
    return EndpointTransfer(
      parameters: [("unit", String(unitBytes)), ("stream", isStream ? "1" : "0")],
      descriptors: [try raw(.pass)],
      surrender: {
        self.descriptor = nil
        self.number = -1
        self.nonblocking = nil
        self.numberOfNonblocking = -1
        return nil
      })
  }

  /// The carrier of an end that the parent handed over.
  package convenience init(_ inherited: InheritedEndpoint, kind: Kind) throws(ChannelError) {
    self.init(
      inherited.mechanism, Descriptor(owning: try inherited.descriptor(0)), kind: kind,
      unitBytes: try inherited.integer("unit"), isStream: try inherited.integer("stream") == 1)
  }
}

extension InheritedEndpoint {
  /// The sending end of one descriptor, whatever mechanism made it.
  package func descriptorSender(_ kind: DescriptorCarrier.Kind) throws(ChannelError) -> any SenderTransport {
    FramedSender(mechanism, try DescriptorCarrier(self, kind: kind), options)
  }

  /// The receiving end of one descriptor.
  package func descriptorReceiver(_ kind: DescriptorCarrier.Kind) throws(ChannelError)
    -> any ReceiverTransport
  {
    FramedReceiver(mechanism, try DescriptorCarrier(self, kind: kind), options)
  }
}

extension SystemError {
  /// Not the kernel's: a packet that didn't fit the buffer.
  fileprivate static let packetTooLong = SystemError(-1, .recvmsg)
}
