/// What counts tokens: a semaphore, an eventfd.
package protocol CounterTransport: AnyObject {
  /// Adds one. False: the deadline passed and the count is as high as it may be.
  func put(until deadline: Deadline) throws(ChannelError) -> Bool
  /// Takes one.
  func take(until deadline: Deadline) throws(ChannelError) -> ReadOutcome
  /// How to wait for room or for a token; where no poll sees it, in `waitUntilReady`, which takes nothing.
  func readiness(toPut: Bool) -> Readiness
  func waitUntilReady(toPut: Bool, until deadline: Deadline) -> Bool
  func close()
  func transfer() throws(ChannelError) -> EndpointTransfer
}

extension CounterTransport {
  package func waitUntilReady(toPut: Bool, until deadline: Deadline) -> Bool { true }
}

/// The sending end of a mechanism whose messages have no bytes.
package final class CounterSender: SenderTransport {
  package let mechanism: Mechanism
  package let options: ChannelOptions
  package let bytesCarried = 0
  package var coalesces = false
  package let admitsMoreSenders = true
  private let port: any CounterTransport
  private var spinPolicy: SpinPolicy
  private var isClosed = false
  private let nothing = ByteBuffer(capacity: 16)

  package init(_ mechanism: Mechanism, _ port: any CounterTransport, _ options: ChannelOptions) {
    self.mechanism = mechanism
    self.port = port
    self.options = options
    spinPolicy = SpinPolicy(options.wait)
  }

  package func send(_ bytes: UnsafeRawBufferPointer, until deadline: Deadline) throws(ChannelError) -> Bool {
    guard unsafe bytes.isEmpty else {
      throw ChannelError(
        .messageTooLong, .send, mechanism,
        "a message of \(bytes.count) bytes can't be a token: send Token(), or choose a mechanism that carries bytes",
        limit: 0)
    }
    return try put(until: deadline)
  }

  private func put(until deadline: Deadline) throws(ChannelError) -> Bool {
    if try port.put(until: .now) { return true }
    if deadline.isNow { return false }
    _ = FlushRegistry.flushBeforeWaiting()
    let port = self.port
    if try spinPolicy.spin(until: deadline, { () throws(ChannelError) in try port.put(until: .now) }) {
      return true
    }
    return try port.put(until: deadline)
  }

  package func reserve(
    _ capacity: Int, until deadline: Deadline
  ) throws(ChannelError) -> UnsafeMutableRawBufferPointer? {
    guard capacity == 0 else { throw .tooLong(capacity, limit: 0, mechanism) }
    return unsafe UnsafeMutableRawBufferPointer(rebasing: nothing.room(1)[..<0])
  }

  package func commit(_ count: Int, until deadline: Deadline) throws(ChannelError) -> Bool {
    try put(until: deadline)
  }

  package func flush(until deadline: Deadline) throws(ChannelError) -> Bool { true }

  package var readiness: Readiness { port.readiness(toPut: true) }
  package func waitUntilReady(_ count: Int, until deadline: Deadline) -> Bool {
    port.waitUntilReady(toPut: true, until: deadline)
  }
  package var wholeBytes: Int { 0 }

  package func close() {
    if isClosed { return }
    isClosed = true
    port.close()
  }

  package func transfer() throws(ChannelError) -> EndpointTransfer {
    let carried = try port.transfer()
    return EndpointTransfer(parameters: carried.parameters, descriptors: carried.descriptors) {
      self.isClosed = true
      return carried.surrender()
    }
  }
}

/// The receiving end of a mechanism whose messages have no bytes.
package final class CounterReceiver: ReceiverTransport {
  package let mechanism: Mechanism
  package let options: ChannelOptions
  package let bytesCarried = 0
  private let port: any CounterTransport
  private var spinPolicy: SpinPolicy
  private var isClosed = false

  package init(_ mechanism: Mechanism, _ port: any CounterTransport, _ options: ChannelOptions) {
    self.mechanism = mechanism
    self.port = port
    self.options = options
    spinPolicy = SpinPolicy(options.wait)
  }

  package func take(until deadline: Deadline) throws(ChannelError) -> UnsafeRawBufferPointer? {
    var outcome = try port.take(until: .now)
    if case .nothing = outcome, !deadline.isNow {
      outcome =
        try FlushRegistry.waiting(until: deadline) { limit throws(ChannelError) -> ReadOutcome? in
          var found = ReadOutcome.nothing
          let port = self.port
          let done = try spinPolicy.spin(until: limit) { () throws(ChannelError) in
            found = try port.take(until: .now)
            if case .nothing = found { return false }
            return true
          }
          if done { return found }
          found = try port.take(until: limit)
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

  package func release() {}

  package var readiness: Readiness { port.readiness(toPut: false) }
  package func waitUntilReady(until deadline: Deadline) -> Bool {
    port.waitUntilReady(toPut: false, until: deadline)
  }

  package func close() {
    if isClosed { return }
    isClosed = true
    port.close()
  }

  package func transfer() throws(ChannelError) -> EndpointTransfer {
    let carried = try port.transfer()
    return EndpointTransfer(parameters: carried.parameters, descriptors: carried.descriptors) {
      self.isClosed = true
      return carried.surrender()
    }
  }
}
