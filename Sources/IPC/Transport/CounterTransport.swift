/// How many tokens a channel holds before a sender waits: below SEMVMX (32767), the highest value of a System V semaphore.
let tokenCapacity = 32000

/// What counts tokens: a pair of semaphores, a pair of eventfds.
protocol CounterTransport: AnyObject {
  /// Adds one. Returns false if the deadline passes while the count is as high as it may be.
  func put(until deadline: Deadline) throws(ChannelError) -> Bool
  /// Takes one.
  func take(until deadline: Deadline) throws(ChannelError) -> ReadOutcome
  /// How to wait for room or for a token. Where poll(2) can't see it, `waitUntilReady` waits, and takes nothing.
  func readiness(toPut: Bool) -> Readiness
  /// As of a ``SenderTransport``, for a trace.
  var objects: [String] { get }
  func waitUntilReady(toPut: Bool, until deadline: Deadline) -> Bool
  func close()
  func transfer() throws(ChannelError) -> EndpointTransfer
  func finishTransfer() -> AnyObject?
}

extension CounterTransport {
  func waitUntilReady(toPut: Bool, until deadline: Deadline) -> Bool { true }
}

/// The sender transport of a mechanism whose messages have no bytes.
final class CounterSender: SenderTransport {
  let mechanism: Mechanism
  let options: ChannelOptions
  let bytesCarried = 0
  var coalesces = false
  let admitsMoreSenders = true
  let atomicMessageBytes = 0
  private let counter: any CounterTransport
  private var spinPolicy: SpinPolicy
  private var isClosed = false
  private let noBytes = ByteBuffer(capacity: 1)

  init(_ mechanism: Mechanism, _ counter: any CounterTransport, _ options: ChannelOptions) {
    self.mechanism = mechanism
    self.counter = counter
    self.options = options
    spinPolicy = SpinPolicy(options.wait)
  }

  func send(_ bytes: UnsafeRawBufferPointer, until deadline: Deadline) throws(ChannelError) -> Bool {
    guard unsafe bytes.isEmpty else {
      throw ChannelError(
        .messageTooLong, .send, mechanism,
        "a message of \(bytes.count) bytes can't be a token: send Token(), or choose a mechanism that carries bytes",
        limit: 0)
    }
    return try put(until: deadline)
  }

  private func put(until deadline: Deadline) throws(ChannelError) -> Bool {
    if try counter.put(until: .now) { return true }
    if deadline.isNow { return false }
    _ = FlushRegistry.flushBeforeWaiting()
    let counter = self.counter
    if try spinPolicy.spin(until: deadline, { () throws(ChannelError) in try counter.put(until: .now) }) {
      return true
    }
    return try counter.put(until: deadline)
  }

  func reserve(
    _ capacity: Int, until deadline: Deadline
  ) throws(ChannelError) -> UnsafeMutableRawBufferPointer? {
    guard capacity == 0 else { throw .tooLong(capacity, limit: 0, mechanism) }
    return unsafe UnsafeMutableRawBufferPointer(rebasing: noBytes.room(1)[..<0])
  }

  func commit(_ count: Int, until deadline: Deadline) throws(ChannelError) -> Bool {
    try put(until: deadline)
  }

  func flush(until deadline: Deadline) throws(ChannelError) -> Bool { true }

  var objects: [String] { counter.objects }
  var readiness: Readiness { counter.readiness(toPut: true) }
  func waitUntilReady(_ count: Int, until deadline: Deadline) -> Bool {
    counter.waitUntilReady(toPut: true, until: deadline)
  }

  func close() {
    if isClosed { return }
    isClosed = true
    counter.close()
  }

  func transfer() throws(ChannelError) -> EndpointTransfer { try counter.transfer() }

  func finishTransfer() -> AnyObject? {
    isClosed = true
    return counter.finishTransfer()
  }
}

/// The receiver transport of a mechanism whose messages have no bytes.
final class CounterReceiver: ReceiverTransport {
  let mechanism: Mechanism
  let options: ChannelOptions
  let bytesCarried = 0
  private let counter: any CounterTransport
  private var spinPolicy: SpinPolicy
  private var isClosed = false

  init(_ mechanism: Mechanism, _ counter: any CounterTransport, _ options: ChannelOptions) {
    self.mechanism = mechanism
    self.counter = counter
    self.options = options
    spinPolicy = SpinPolicy(options.wait)
  }

  func take(until deadline: Deadline) throws(ChannelError) -> UnsafeRawBufferPointer? {
    var outcome = try counter.take(until: .now)
    if case .nothing = outcome, !deadline.isNow {
      outcome =
        try FlushRegistry.waiting(until: deadline) { limit throws(ChannelError) -> ReadOutcome? in
          var found = ReadOutcome.nothing
          let counter = self.counter
          let done = try spinPolicy.spin(until: limit) { () throws(ChannelError) in
            found = try counter.take(until: .now)
            if case .nothing = found { return false }
            return true
          }
          if done { return found }
          found = try counter.take(until: limit)
          if case .nothing = found { return nil }
          return found
        } ?? .nothing
    }
    switch outcome {
    case .bytes: return unsafe UnsafeRawBufferPointer(start: nil, count: 0)
    case .nothing: return nil
    case .ended: throw .closed(.receive, mechanism)
    }
  }

  func release() {}

  var objects: [String] { counter.objects }
  var readiness: Readiness { counter.readiness(toPut: false) }
  func waitUntilReady(until deadline: Deadline) -> Bool {
    counter.waitUntilReady(toPut: false, until: deadline)
  }

  func close() {
    if isClosed { return }
    isClosed = true
    counter.close()
  }

  func transfer() throws(ChannelError) -> EndpointTransfer { try counter.transfer() }

  func finishTransfer() -> AnyObject? {
    isClosed = true
    return counter.finishTransfer()
  }
}
