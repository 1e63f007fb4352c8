/// The receiver transport of every mechanism that carries bytes and has one source: reads ahead as much as there is,
/// and lends one message after the other.
final class FramedReceiver: ReceiverTransport {
  let mechanism: Mechanism
  let options: ChannelOptions
  private let reader: any ByteReader
  var bytesCarried: Int { carried }
  private var carried = 0
  private let decoder: FrameDecoder
  private var spinPolicy: SpinPolicy
  private let blocks: Bool
  private let unitBytes: Int
  /// A receiver that spins anyway begins with it.
  private let firstTries: Int
  private var ended = false
  private var isClosed = false

  init(_ mechanism: Mechanism, _ reader: any ByteReader, _ options: ChannelOptions) {
    self.mechanism = mechanism
    self.reader = reader
    self.options = options
    spinPolicy = SpinPolicy(options.wait)
    blocks = options.wait == .block
    unitBytes = reader.unitBytes
    firstTries = options.wait == .spin ? SpinPolicy.triesAtOnce : 1
    decoder = FrameDecoder(
      mechanism: mechanism, options: options, bufferBytes: max(unitBytes, Self.bufferBytes),
      readsUnits: reader.readsUnits, senders: reader.fragmentSenders)
  }

  /// How many messages have begun and not ended.
  var begunMessages: Int { decoder.openStreams.count }

  /// How long past its deadline a receiver waits for the rest of a message that others wait behind: its sender is
  /// writing it.
  private static let grace = Duration.seconds(1)
  /// A read takes at least so many bytes, if the channel has them.
  private static let bufferBytes = 1 << 16

  @inline(__always) func take(until deadline: Deadline) throws(ChannelError) -> UnsafeRawBufferPointer? {
    var deadline = deadline
    var isPastDeadline = false
    while true {
      if let message = unsafe try decoder.next() { return unsafe message }
      if ended {
        if let last = unsafe try decoder.last({ reader.endMayBeDeath }) { return unsafe last }
        throw .closed(.receive, mechanism)
      }
      switch try read(until: deadline) {
      case .bytes:
        // The frames of a sender of other messages, one after the other, don't hold this call past its deadline.
        if decoder.rejectsAny, deadline.hasPassed { return unsafe try decoder.next() }
      case .ended:
        // Senders of other messages alone aren't this channel's senders.
        ended = decoder.rejectedBytes == 0 || decoder.rejectedBytes < carried || !reader.awaitSender()
      case .nothing:
        guard reader.holdsTurn, !reader.endAbandonedTurn(), !deadline.isNow, !isPastDeadline else {
          return nil
        }
        isPastDeadline = true
        deadline = .within(Self.grace)
      }
    }
  }

  private func read(until deadline: Deadline) throws(ChannelError) -> ReadOutcome {
    let room = unsafe decoder.room(unitBytes)
    // A plain blocking read is one call where trying first would be two.
    let waitsAtOnce = blocks && deadline.isNever && FlushRegistry.isEmpty
    let outcome =
      waitsAtOnce ? unsafe try reader.read(into: room, until: .never) : unsafe try read(room, until: deadline)
    if case .bytes(let count) = outcome {
      decoder.filled(count)
      carried += count
    }
    return outcome
  }

  private func read(
    _ room: UnsafeMutableRawBufferPointer, until deadline: Deadline
  ) throws(ChannelError) -> ReadOutcome {
    let first = unsafe try reader.read(into: room, tries: deadline.isNow ? 1 : firstTries)
    if case .nothing = first {} else { return first }
    if deadline.isNow { return .nothing }
    let reader = self.reader
    return try FlushRegistry.waiting(until: deadline) { limit throws(ChannelError) in
      var outcome = ReadOutcome.nothing
      let done = try spinPolicy.spin(until: limit) { tries throws(ChannelError) in
        outcome = unsafe try reader.read(into: room, tries: tries)
        if case .nothing = outcome { return false }
        return true
      }
      if done { return outcome }
      outcome = unsafe try reader.read(into: room, until: limit)
      if case .nothing = outcome { return nil }
      return outcome
    } ?? .nothing
  }

  func release() { decoder.release() }

  var objects: [String] { reader.objects }
  var senderOfLastMessage: UInt32 { decoder.senderOfLastMessage }
  var readiness: Readiness { reader.readiness }
  func waitUntilReady(until deadline: Deadline) -> Bool { reader.waitUntilReady(until: deadline) }

  func close() {
    if isClosed { return }
    isClosed = true
    reader.close()
  }

  func transfer() throws(ChannelError) -> EndpointTransfer {
    guard decoder.isEmpty else {
      throw ChannelError(
        .notSupported, .pass, mechanism,
        "this receiver has read messages ahead that would be lost: pass a receiver before receiving from it")
    }
    return try reader.transfer()
  }

  func finishTransfer() -> AnyObject? {
    isClosed = true
    return reader.finishTransfer()
  }
}
