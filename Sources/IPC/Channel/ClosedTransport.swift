/// What is behind an endpoint that was closed, passed to a child, or taken over by a shared one: every call throws `closed`.
final class ClosedTransport: SenderTransport, ReceiverTransport {
  let mechanism: Mechanism
  let options: ChannelOptions
  let bytesCarried = 0
  var coalesces: Bool {
    get { false }
    set {}
  }
  let admitsMoreSenders = false
  /// So that every message is tried at once, and gets the error.
  let atomicMessageBytes = Int.max
  let objects: [String] = []
  var traceNumber: Int32 {
    get { 0 }
    set {}
  }
  var readiness: Readiness { .descriptors([], nil) }

  init(_ mechanism: Mechanism, _ options: ChannelOptions) {
    self.mechanism = mechanism
    self.options = options
  }

  private func closed(_ operation: ChannelError.Operation) -> ChannelError {
    ChannelError(
      .closed, operation, mechanism,
      "closed: this process has closed this endpoint, passed it to a child, or made a shared one of it: use it before that, or use the shared one"
    )
  }

  func send(_ bytes: UnsafeRawBufferPointer, until deadline: Deadline) throws(ChannelError) -> Bool {
    throw closed(.send)
  }

  func reserve(
    _ capacity: Int, until deadline: Deadline
  ) throws(ChannelError) -> UnsafeMutableRawBufferPointer? { throw closed(.send) }

  func commit(_ count: Int, until deadline: Deadline) throws(ChannelError) -> Bool { throw closed(.send) }

  func take(until deadline: Deadline) throws(ChannelError) -> UnsafeRawBufferPointer? {
    throw closed(.receive)
  }

  /// Succeeds, so that an endpoint can be closed twice.
  func flush(until deadline: Deadline) throws(ChannelError) -> Bool { true }

  func release() {}
  func waitUntilReady(_ count: Int, until deadline: Deadline) -> Bool { true }
  func waitUntilReady(until deadline: Deadline) -> Bool { true }
  func close() {}
  func transfer() throws(ChannelError) -> EndpointTransfer { throw closed(.pass) }
  func finishTransfer() -> AnyObject? { nil }
}
