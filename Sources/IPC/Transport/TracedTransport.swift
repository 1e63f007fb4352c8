import SystemCalls

/// Stands before the transport of an endpoint that is opened while this process records a trace, and records its messages. Other
/// endpoints have none, and cost nothing more.
@safe final class TracedSender: SenderTransport {
  private let sender: any SenderTransport
  private let number: Int32
  private var messages: Int64 = 0
  /// The reserved room, for the first bytes of its message.
  private var room = unsafe UnsafeRawBufferPointer(start: nil, count: 0)

  /// The transport, behind this one where this process records.
  static func traced(_ sender: any SenderTransport) -> any SenderTransport {
    guard Tracer.isOn, !(sender is ClosedTransport || sender is TracedSender) else { return sender }
    return TracedSender(sender)
  }

  private init(_ sender: any SenderTransport) {
    self.sender = sender
    number = TracedEndpoint.open(
      sender.mechanism, sender.objects, isReceiver: false, sender: sender.numberInFrames)
    sender.traceNumber = number
  }

  private func record(_ bytes: UnsafeRawBufferPointer) {
    messages += 1
    unsafe Tracer.message(
      .sent, endpoint: number, number: messages, sender: sender.numberInFrames, bytes)
  }

  func send(_ bytes: UnsafeRawBufferPointer, until deadline: Deadline) throws(ChannelError) -> Bool {
    let sent = unsafe try sender.send(bytes, until: deadline)
    if sent { unsafe record(bytes) }
    return sent
  }

  func reserve(
    _ capacity: Int, until deadline: Deadline
  ) throws(ChannelError) -> UnsafeMutableRawBufferPointer? {
    let reserved = unsafe try sender.reserve(capacity, until: deadline)
    unsafe room = UnsafeRawBufferPointer(
      start: reserved?.baseAddress, count: reserved?.count ?? 0)
    return unsafe reserved
  }

  func commit(_ count: Int, until deadline: Deadline) throws(ChannelError) -> Bool {
    let sent = try sender.commit(count, until: deadline)
    // The room is the sender's own, or the ring's, which stays mapped: the receiver may have read it, but nothing has
    // replaced it.
    if sent { unsafe record(UnsafeRawBufferPointer(rebasing: room[..<min(count, room.count)])) }
    return sent
  }

  func close() {
    sender.close()
    TracedEndpoint.close(number, passed: false)
  }

  func finishTransfer() -> AnyObject? {
    defer { TracedEndpoint.close(number, passed: true) }
    return sender.finishTransfer()
  }

  // The rest is the transport's.
  var mechanism: Mechanism { sender.mechanism }
  var options: ChannelOptions { sender.options }
  var bytesCarried: Int { sender.bytesCarried }
  var coalesces: Bool {
    get { sender.coalesces }
    set { sender.coalesces = newValue }
  }
  var admitsMoreSenders: Bool { sender.admitsMoreSenders }
  var givesUp: (() -> Bool)? {
    get { sender.givesUp }
    set { sender.givesUp = newValue }
  }
  var reservesSharedMemory: Bool { sender.reservesSharedMemory }
  func flush(until deadline: Deadline) throws(ChannelError) -> Bool { try sender.flush(until: deadline) }
  var readiness: Readiness { sender.readiness }
  func waitUntilReady(_ count: Int, until deadline: Deadline) -> Bool {
    sender.waitUntilReady(count, until: deadline)
  }
  var atomicMessageBytes: Int { sender.atomicMessageBytes }
  func discard() { sender.discard() }
  func transfer() throws(ChannelError) -> EndpointTransfer { try sender.transfer() }
  var objects: [String] { sender.objects }
}

/// The same of a receiver.
final class TracedReceiver: ReceiverTransport {
  private let receiver: any ReceiverTransport
  private let number: Int32
  private var messages: Int64 = 0

  /// The transport, behind this one where this process records.
  static func traced(_ receiver: any ReceiverTransport) -> any ReceiverTransport {
    guard Tracer.isOn, !(receiver is ClosedTransport || receiver is TracedReceiver) else { return receiver }
    return TracedReceiver(receiver)
  }

  private init(_ receiver: any ReceiverTransport) {
    self.receiver = receiver
    number = TracedEndpoint.open(receiver.mechanism, receiver.objects, isReceiver: true, sender: 0)
    receiver.traceNumber = number
  }

  func take(until deadline: Deadline) throws(ChannelError) -> UnsafeRawBufferPointer? {
    guard let message = unsafe try receiver.take(until: deadline) else { return nil }
    messages += 1
    // A listening receiver's connections are endpoints of their own.
    let endpoint = receiver.traceNumber
    unsafe Tracer.message(
      .received, endpoint: endpoint == 0 ? number : endpoint, number: messages,
      sender: receiver.senderOfLastMessage, message)
    return unsafe message
  }

  func close() {
    receiver.close()
    TracedEndpoint.close(number, passed: false)
  }

  func finishTransfer() -> AnyObject? {
    defer { TracedEndpoint.close(number, passed: true) }
    return receiver.finishTransfer()
  }

  // The rest is the transport's.
  var mechanism: Mechanism { receiver.mechanism }
  var options: ChannelOptions { receiver.options }
  var bytesCarried: Int { receiver.bytesCarried }
  var lendsSharedMemory: Bool { receiver.lendsSharedMemory }
  func release() { receiver.release() }
  var readiness: Readiness { receiver.readiness }
  func waitUntilReady(until deadline: Deadline) -> Bool { receiver.waitUntilReady(until: deadline) }
  func transfer() throws(ChannelError) -> EndpointTransfer { try receiver.transfer() }
  var objects: [String] { receiver.objects }
}

/// The events of an endpoint's life.
enum TracedEndpoint {
  /// - Returns: its number in this process.
  static func open(_ mechanism: Mechanism, _ objects: [String], isReceiver: Bool, sender: UInt32) -> Int32 {
    let number = Tracer.newEndpoint()
    for object in objects where object.hasPrefix("fd:") {
      if let descriptor = Int32(object.dropFirst("fd:".count)) { Tracer.identify(descriptor) }
    }
    Tracer.record(
      .opened, object: number, other: isReceiver ? 1 : 0, detail: UInt64(sender),
      text: mechanism.name + "\t" + objects.joined(separator: "\t"))
    return number
  }

  static func close(_ number: Int32, passed: Bool) {
    Tracer.record(.closed, object: number, other: passed ? 1 : 0)
  }
}
