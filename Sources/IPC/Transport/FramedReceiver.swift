/// The receiving end of every mechanism that carries bytes and has one source: reads ahead as much as there is,
/// and lends out one message after the other.
package final class FramedReceiver: ReceiverTransport {
  package let mechanism: Mechanism
  package let options: ChannelOptions
  package let source: any ByteReader
  package var bytesCarried: Int { carried }
  private var carried = 0
  private let decoder: FrameDecoder
  private var spinPolicy: SpinPolicy
  private let blocks: Bool
  private let unitBytes: Int
  /// A receiver that spins anyway begins with it.
  private let firstTries: Int
  private var ended = false
  private var isClosed = false

  package init(_ mechanism: Mechanism, _ source: any ByteReader, _ options: ChannelOptions) {
    self.mechanism = mechanism
    self.source = source
    self.options = options
    spinPolicy = SpinPolicy(options.wait)
    blocks = options.wait == .block
    unitBytes = source.unitBytes
    firstTries = options.wait == .spin ? SpinPolicy.triesAtOnce : 1
    decoder = FrameDecoder(
      mechanism: mechanism, options: options, bufferBytes: max(unitBytes, 1 << 16))
  }

  /// A receiver that has begun a message that others wait behind doesn't give up in its middle at once: its sender
  /// is at it.
  private static var patience: Duration { .seconds(1) }

  @inline(__always) package func take(until deadline: Deadline) throws(ChannelError)
    -> UnsafeRawBufferPointer?
  {
    var deadline = deadline
    var wasPatient = false
    while true {
      if let message = unsafe try decoder.next() { return unsafe message }
      if ended {
        if let last = unsafe decoder.last() { return unsafe last }
        throw .closed(.receive, mechanism)
      }
      switch try read(until: deadline) {
      case .bytes: continue
      case .ended: ended = true
      case .nothing:
        guard source.holdsTurn, !deadline.isNow, !wasPatient else { return nil }
        wasPatient = true
        deadline = .within(Self.patience)
      }
    }
  }

  private func read(until deadline: Deadline) throws(ChannelError) -> ReadOutcome {
    let room = unsafe decoder.room(unitBytes)
    // A plain blocking read is one call where trying first would be two.
    let waitsAtOnce = blocks && deadline.isNever && FlushRegistry.areNone
    let outcome =
      waitsAtOnce ? unsafe try source.read(into: room, until: .never) : unsafe try read(room, until: deadline)
    if case .bytes(let count) = outcome {
      decoder.filled(count)
      carried += count
    }
    return outcome
  }

  private func read(
    _ room: UnsafeMutableRawBufferPointer, until deadline: Deadline
  ) throws(ChannelError) -> ReadOutcome {
    let first = unsafe try source.read(into: room, trying: deadline.isNow ? 1 : firstTries)
    if case .nothing = first {} else { return first }
    if deadline.isNow { return .nothing }
    let source = self.source
    return try FlushRegistry.waiting(until: deadline) { limit throws(ChannelError) in
      var outcome = ReadOutcome.nothing
      let done = try spinPolicy.spin(until: limit) { times throws(ChannelError) in
        outcome = unsafe try source.read(into: room, trying: times)
        if case .nothing = outcome { return false }
        return true
      }
      if done { return outcome }
      outcome = unsafe try source.read(into: room, until: limit)
      if case .nothing = outcome { return nil }
      return outcome
    } ?? .nothing
  }

  package func release() { decoder.release() }

  package var readiness: Readiness { source.readiness }
  package func waitUntilReady(until deadline: Deadline) -> Bool { source.waitUntilReady(until: deadline) }

  package func close() {
    if isClosed { return }
    isClosed = true
    source.close()
  }

  package func transfer() throws(ChannelError) -> EndpointTransfer {
    guard decoder.isEmpty else {
      throw ChannelError(
        .notSupported, .pass, mechanism,
        "messages were read ahead that would be lost: hand a receiver over before receiving from it")
    }
    let carried = try source.transfer()
    return EndpointTransfer(parameters: carried.parameters, descriptors: carried.descriptors) {
      self.isClosed = true
      return carried.surrender()
    }
  }
}
