import Measurement
import SystemCalls
import Testing

@testable import IPC

/// A frame as it is sent.
func frame(
  _ body: [UInt8], stream: UInt32 = 0, continues: Bool = false, more: Bool = false
) -> [UInt8] {
  header(FrameHeader(stream: stream, count: body.count, continues: continues, more: more)) + body
}

func header(_ header: FrameHeader) -> [UInt8] {
  (0..<8).map { UInt8(truncatingIfNeeded: header.bits >> (8 * UInt64($0))) }
}

extension FrameDecoder {
  convenience init(
    maximum: Int = 1 << 20, framing: ChannelOptions.Framing = .frames, bufferBytes: Int = 64,
    type: MessageType? = nil, readsUnits: Bool = false,
    senders: FragmentSenders = .unknown
  ) {
    var options = ChannelOptions()
    options.messageType = type
    options.maximumMessageBytes = maximum
    options.framing = framing
    self.init(
      mechanism: .pipe, options: options, bufferBytes: bufferBytes, readsUnits: readsUnits,
      senders: senders)
  }

  func feed(_ bytes: [UInt8]) {
    guard !bytes.isEmpty else { return }
    unsafe room(bytes.count).copyBytes(from: bytes)
    filled(bytes.count)
  }

  /// Every whole message so far.
  func drain() throws(ChannelError) -> [[UInt8]] {
    var found: [[UInt8]] = []
    while let message = unsafe try next() { found.append(unsafe Array(message)) }
    return found
  }

  func lastLine() -> [UInt8]? {
    guard let line = unsafe try? last({ false }) else { return nil }
    return unsafe Array(line)
  }
}

extension SenderTransport {
  func send(_ bytes: [UInt8], until deadline: Deadline = .never) throws(ChannelError) -> Bool {
    unsafe try bytes.span.withUnsafeBytes { raw throws(ChannelError) in
      unsafe try send(raw, until: deadline)
    }
  }
}

extension ReceiverTransport {
  /// The next message, copied; nil if the deadline passes.
  func receive(until deadline: Deadline = .never) throws(ChannelError) -> [UInt8]? {
    guard let bytes = unsafe try take(until: deadline) else { return nil }
    defer { release() }
    return unsafe Array(bytes)
  }
}

/// The code that a body throws; nil when it throws nothing.
func code<Result>(of body: () throws(ChannelError) -> Result) -> ChannelError.Code? {
  do throws(ChannelError) {
    _ = try body()
    return nil
  } catch {
    return error.code
  }
}

/// The description of the error that a body throws.
func sentence<Result>(of body: () throws(ChannelError) -> Result) -> String {
  do throws(ChannelError) {
    _ = try body()
    return "nothing was thrown"
  } catch {
    return error.description
  }
}
