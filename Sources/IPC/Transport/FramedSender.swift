import Synchronization
import SystemCalls

/// The sender transport of every mechanism that carries bytes: puts a frame header before a message, fragments a
/// message that doesn't fit a unit, batches small ones, and gives up without leaving half a message behind.
final class FramedSender: SenderTransport, CoalescingTransport, @unchecked Sendable {
  let mechanism: Mechanism
  let options: ChannelOptions
  private let writer: any ByteWriter
  var bytesCarried: Int { carried }
  var coalesces: Bool {
    get { batches }
    set { batches = newValue }
  }

  // The class is final and not generic, and its state is private, so that the compiler knows every access and checks
  // none of them at run time.
  private var carried = 0
  private var batches: Bool
  let stream: UInt32
  private let isStream: Bool
  let unitBytes: Int
  private var hasClaimed = false
  private let usesFrames: Bool
  private let blocks: Bool
  private let limit: Int
  private var spinPolicy: SpinPolicy
  /// Small messages that wait to be written together, or a reserved message; at first the ``Hello``, if there is one.
  private let pending: ByteBuffer
  private let batchLimit: Int
  private var reserved = 0
  /// On a stream: the frame of a message that was given up.
  private var abandoned = AbandonedFrame()
  /// Whether ``abandoned`` has bytes left to write. A stored copy: a message's look at it costs no check.
  private var hasAbandoned = false
  private var isClosed = false
  private let lockOfOwner = OwnerLock()
  private var isRegistered = false
  private var reservedLocked = false
  /// Whether the process that takes this sender over says hello again.
  private let passesHello: Bool
  var givesUp: (() -> Bool)?
  /// The bytes of a hello that wait to be written with the first message.
  private var helloBytes = 0

  /// A batch of small messages that one write takes has at most so many bytes.
  private static let maximumBatchBytes = 1 << 16
  private static let firstBufferBytes = 4096
  /// The parameter of a passed sender that says hello.
  private static let helloKey = "hello"
  /// The numbers of senders whose fragments can mix.
  private static let numbers: Range<UInt32> = 2..<(1 << 31)

  /// How a sender says what it sends.
  enum HelloUse {
    /// It doesn't: the processes have compared before.
    case none
    /// Each process with a number of its own does, since nothing else tells the receiver.
    case eachProcess
    /// The process that opens a connection does. It knows the receiver's type.
    case eachConnection(MessageType?)
  }

  init(
    _ mechanism: Mechanism, _ writer: any ByteWriter, _ options: ChannelOptions, hello: HelloUse = .none
  ) {
    self.mechanism = mechanism
    self.writer = writer
    var known = options
    var saysHello = options.framing == .frames
    passesHello = if case .eachProcess = hello { saysHello } else { false }
    switch hello {
    case .none: saysHello = false
    case .eachProcess: break
    // What a child is told of the channel.
    case .eachConnection(let type): known.messageType = options.messageType ?? type
    }
    self.options = known
    stream = !writer.interleavesFragments ? 0 : UInt32.random(in: Self.numbers)
    spinPolicy = SpinPolicy(options.wait)
    batchLimit = min(writer.unitBytes, Self.maximumBatchBytes)
    pending = ByteBuffer(capacity: min(batchLimit, Self.firstBufferBytes))
    batches = options.coalesces
    isStream = writer.isStream
    unitBytes = writer.unitBytes
    usesFrames = options.framing == .frames
    blocks = options.wait == .block
    limit = options.maximumMessageBytes
    if !usesFrames { writer.promiseWholeLines() }
    if saysHello {
      let hello = Hello(number: stream, type: options.messageType).frame
      unsafe hello.withUnsafeBytes { unsafe pending.append($0) }
      helloBytes = hello.count
    }
  }

  /// The sender that the parent process passed, over its writer.
  convenience init(_ inherited: InheritedEndpoint, _ writer: any ByteWriter) {
    self.init(
      inherited.mechanism, writer, inherited.options,
      hello: inherited.parameters[Self.helloKey] == nil ? .none : .eachProcess)
  }

  /// Says hello now: the receiver of a socket learns of a sender that never sends.
  func sayHello() { _ = try? flushLocked(until: .now) }

  // MARK: Sending

  @inline(__always) func send(_ bytes: UnsafeRawBufferPointer, until deadline: Deadline)
    throws(ChannelError) -> Bool
  {
    // The common case: the buffer is empty, and the message goes in one call.
    if !batches, !isRegistered, pending.count == 0, usesFrames, !hasAbandoned, bytes.count <= limit,
      isStream ? deadline.isNever : bytes.count + FrameHeader.size <= unitBytes
    {
      var bits = FrameHeader(stream: stream, count: bytes.count).bits.littleEndian
      return unsafe try withUnsafeBytes(of: &bits) { head throws(ChannelError) in
        let count = unsafe try writer.write(
          head, bytes, until: blocks && deadline.isNever ? .never : .now)
        carried += count
        return count == FrameHeader.size + bytes.count
          ? true : unsafe try finishWrite(head, bytes, from: count, deadline)
      }
    }
    let locked = lock()
    defer { unlock(locked) }
    // Nearly as common: the message waits for others.
    let total = FrameHeader.size + bytes.count
    if batches, isRegistered, usesFrames, !hasAbandoned, bytes.count <= limit, total <= pending.free,
      pending.count + total <= batchLimit
    {
      let back = unsafe pending.back
      if bytes.count > 0 {
        unsafe (back + FrameHeader.size).copyMemory(from: bytes.baseAddress!, byteCount: bytes.count)
      }
      unsafe FrameHeader(stream: stream, count: bytes.count).store(at: back)
      pending.filled(total)
      return true
    }
    return unsafe try sendSlowly(bytes, until: deadline)
  }

  private func sendSlowly(
    _ bytes: UnsafeRawBufferPointer, until deadline: Deadline
  ) throws(ChannelError) -> Bool {
    guard bytes.count <= limit else { throw .tooLong(bytes.count, limit: limit, mechanism) }
    if !usesFrames { unsafe try checkLine(bytes) }
    let total = bytes.count + overhead
    if batches, total <= batchLimit {
      if pending.count + total > batchLimit {
        guard try flushLocked(until: deadline) else { return false }
      }
      unsafe append(bytes)
      register()
      return true
    }
    guard try flushLocked(until: deadline) else { return false }
    return unsafe try sendUnbuffered(bytes, until: deadline)
  }

  func reserve(
    _ capacity: Int, until deadline: Deadline
  ) throws(ChannelError) -> UnsafeMutableRawBufferPointer? {
    guard capacity <= limit else { throw .tooLong(capacity, limit: limit, mechanism) }
    let locked = lock()
    // The caller fills the message in where it stands in the buffer that it is written from, behind its header.
    if !(batches && pending.count + capacity + overhead <= batchLimit) {
      do {
        guard try flushLocked(until: deadline) else {
          unlock(locked)
          return nil
        }
      } catch {
        unlock(locked)
        throw error
      }
    }
    let room = unsafe pending.room(capacity + overhead)
    reserved = capacity
    reservedLocked = locked
    let offset = usesFrames ? FrameHeader.size : 0
    return unsafe UnsafeMutableRawBufferPointer(rebasing: room[offset..<(offset + capacity)])
  }

  func commit(_ count: Int, until deadline: Deadline) throws(ChannelError) -> Bool {
    precondition(count <= reserved, "more bytes than were reserved")
    defer { unlock(reservedLocked) }
    let room = unsafe pending.room(reserved + overhead)
    let offset = usesFrames ? FrameHeader.size : 0
    let body = unsafe UnsafeRawBufferPointer(rebasing: room[offset..<(offset + count)])
    if !usesFrames { unsafe try checkLine(body) }
    if batches, pending.count + count + overhead <= batchLimit {
      unsafe finishFrame(room, count)
      register()
      return true
    }
    // The buffer holds nothing else: reserve() flushed it. What fits one write is written from there.
    if count + overhead <= unitBytes, !isStream || deadline.isNever, usesFrames {
      unsafe finishFrame(room, count)
      defer { pending.removeAll() }
      return unsafe try put(pending.bytes, Self.none, deadline)
    }
    return unsafe try sendUnbuffered(body, until: deadline)
  }

  private func sendUnbuffered(
    _ body: UnsafeRawBufferPointer, until deadline: Deadline
  ) throws(ChannelError) -> Bool {
    if !usesFrames { return unsafe try sendLine(body, until: deadline) }
    if isStream { return unsafe try sendStream(body, until: deadline) }
    return unsafe try sendFragments(body, until: deadline)
  }

  var objects: [String] { writer.objects }
  var numberInFrames: UInt32 { stream }
  var readiness: Readiness { writer.readiness }
  func waitUntilReady(_ count: Int, until deadline: Deadline) -> Bool {
    writer.waitUntilReady(min(count + overhead, unitBytes), until: deadline)
  }
  /// A byte stream that poll(2) calls writable has room for a page (pipe(7)).
  var atomicMessageBytes: Int {
    min(unitBytes, isStream ? PipeMechanism.atomicBytes : unitBytes) - FrameHeader.size * 2
  }

  // MARK: Flushing and closing

  func flush(until deadline: Deadline) throws(ChannelError) -> Bool {
    let locked = lock()
    defer { unlock(locked) }
    guard holdsMessages else {
      _ = try flushLocked(until: .now)
      return true
    }
    return try flushLocked(until: deadline)
  }

  /// Whether the buffer has more than a hello. Nothing else is worth waiting for: what an abandoned frame still needs
  /// matters only to messages behind it.
  private var holdsMessages: Bool { pending.count > helloBytes }

  func flushWithoutWaiting() -> Bool {
    guard lockOfOwner.tryLock() else { return false }
    defer { lockOfOwner.endTry() }
    if isClosed { return true }
    do {
      return try flushLocked(until: .now)
    } catch {
      return true
    }
  }

  private func flushLocked(until deadline: Deadline) throws(ChannelError) -> Bool {
    guard try finishAbandoned(until: deadline) else { return false }
    while pending.count > 0 {
      let count = unsafe try write(pending.bytes, Self.none, deadline)
      if count == 0 { return false }
      pending.dropFirst(count)
      helloBytes = max(0, helloBytes - count)
    }
    pending.removeAll()
    if isRegistered {
      isRegistered = false
      FlushRegistry.remove(self)
    }
    return true
  }

  private func register() {
    if isRegistered { return }
    isRegistered = true
    FlushRegistry.register(self)
  }

  func close() {
    if isClosed { return }
    if holdsMessages { _ = try? flush(until: .never) }
    end()
    writer.close()
  }

  func discard() {
    lockOfOwner.lock()
    pending.removeAll()
    lockOfOwner.unlock()
  }

  /// From here on no other thread touches the writer: one that is about to flush finds the endpoint closed.
  private func end() {
    lockOfOwner.lock()
    isClosed = true
    pending.removeAll()
    lockOfOwner.unlock()
    FlushRegistry.remove(self)
  }

  func transfer() throws(ChannelError) -> EndpointTransfer {
    let locked = lock()
    defer { unlock(locked) }
    // All of it: the process that takes this sender doesn't know what is missing.
    guard try flushLocked(until: .never) else { throw .timedOut(.pass, mechanism) }
    let transfer = try writer.transfer()
    // The frames of the process that takes this sender have a number of their own.
    return passesHello
      ? EndpointTransfer(
        parameters: transfer.parameters + [(Self.helloKey, "1")], descriptors: transfer.descriptors)
      : transfer
  }

  func finishTransfer() -> AnyObject? {
    end()
    return writer.finishTransfer()
  }

  /// While the buffer holds messages, another thread of the process may flush them before it waits; the owner and that
  /// thread exclude each other. An endpoint that never batches needs no lock.
  private func lock() -> Bool {
    guard batches || isRegistered else { return false }
    lockOfOwner.lock()
    return true
  }

  private func unlock(_ locked: Bool) {
    if locked { lockOfOwner.unlock() }
  }

  // MARK: Framing

  static var none: UnsafeRawBufferPointer { unsafe UnsafeRawBufferPointer(start: nil, count: 0) }

  var admitsMoreSenders: Bool { !isStream }

  /// What a frame or a line adds to the message.
  private var overhead: Int { usesFrames ? FrameHeader.size : 1 }

  private func append(_ bytes: UnsafeRawBufferPointer) {
    let room = unsafe pending.room(bytes.count + overhead)
    let offset = usesFrames ? FrameHeader.size : 0
    if bytes.count > 0 {
      unsafe UnsafeMutableRawBufferPointer(rebasing: room[offset...]).copyMemory(from: bytes)
    }
    unsafe finishFrame(room, bytes.count)
  }

  /// Writes the header before, or the newline after, `count` bytes that stand in the room already.
  private func finishFrame(_ room: UnsafeMutableRawBufferPointer, _ count: Int) {
    if !usesFrames {
      unsafe room[count] = FrameHeader.newline
    } else {
      unsafe FrameHeader(stream: stream, count: count).store(at: room.baseAddress!)
    }
    pending.filled(count + overhead)
  }

  private func checkLine(_ bytes: UnsafeRawBufferPointer) throws(ChannelError) {
    guard writer.carriesLines else {
      throw ChannelError(
        .notSupported, .send, mechanism,
        "framing=line needs a byte stream (pipe, fifo, unix, tcp): leave framing=line out")
    }
    if !isStream, bytes.count + 1 > unitBytes {
      throw .tooLong(bytes.count, limit: unitBytes - 1, mechanism)
    }
    if unsafe bytes.contains(FrameHeader.newline) {
      throw ChannelError(
        .invalidMessage, .send, mechanism,
        "the message contains a newline, which ends a message under ?framing=line: send it line by line, or use frames"
      )
    }
  }

  func withHeader(
    _ header: FrameHeader, _ body: (UnsafeRawBufferPointer) throws(ChannelError) -> Int
  ) throws(ChannelError) -> Int {
    var bits = header.bits.littleEndian
    return unsafe try withUnsafeBytes(of: &bits, body)
  }

  // MARK: Writing

  /// One write, spinning first where the strategy says so. Returns 0 if the deadline passes.
  @inline(__always) func write(
    _ head: UnsafeRawBufferPointer, _ body: UnsafeRawBufferPointer, _ deadline: Deadline
  ) throws(ChannelError) -> Int {
    var count = unsafe try writer.write(head, body, until: blocks && deadline.isNever ? .never : .now)
    if count == 0, !deadline.isNow { count = unsafe try waitAndWrite(head, body, deadline) }
    carried += count
    return count
  }

  /// The channel is full: spins, then sleeps, as the wait strategy says.
  private func waitAndWrite(
    _ head: UnsafeRawBufferPointer, _ body: UnsafeRawBufferPointer, _ deadline: Deadline
  ) throws(ChannelError) -> Int {
    var count = 0
    let writer = self.writer
    let done = try spinPolicy.spin(until: deadline) { () throws(ChannelError) in
      count = unsafe try writer.write(head, body, until: .now)
      return count > 0
    }
    if !done, !(options.wait == .spin && deadline.hasPassed) {
      _ = FlushRegistry.flushBeforeWaiting()
      count = unsafe try sleepAndWrite(head, body, deadline)
    }
    return count
  }

  private func sleepAndWrite(
    _ head: UnsafeRawBufferPointer, _ body: UnsafeRawBufferPointer, _ deadline: Deadline
  ) throws(ChannelError) -> Int {
    guard let givesUp else { return unsafe try writer.write(head, body, until: deadline) }
    while true {
      let count = unsafe try writer.write(head, body, until: min(deadline, .within(Self.lookInterval)))
      if count > 0 || deadline.hasPassed || givesUp() { return count }
    }
  }

  /// Writes all, or nothing if the deadline passes first.
  func put(
    _ head: UnsafeRawBufferPointer, _ body: UnsafeRawBufferPointer, _ deadline: Deadline
  ) throws(ChannelError) -> Bool {
    let count = unsafe try write(head, body, deadline)
    if count == head.count + body.count { return true }
    return count == 0 ? false : unsafe try writeRest(head, body, from: count)
  }

  /// What the first write, which didn't wait, has left.
  @inline(never) private func finishWrite(
    _ head: UnsafeRawBufferPointer, _ body: UnsafeRawBufferPointer, from first: Int, _ deadline: Deadline
  ) throws(ChannelError) -> Bool {
    var count = first
    if count == 0 {
      if deadline.isNow { return false }
      count = unsafe try waitAndWrite(head, body, deadline)
      carried += count
      if count == 0 { return false }
    }
    return count == head.count + body.count ? true : unsafe try writeRest(head, body, from: count)
  }

  @inline(never) private func writeRest(
    _ head: UnsafeRawBufferPointer, _ body: UnsafeRawBufferPointer, from first: Int
  ) throws(ChannelError) -> Bool {
    var done = first
    let total = head.count + body.count
    // Only a stream takes part of a write, and only one without a deadline comes here.
    while done < total {
      let restHead = unsafe UnsafeRawBufferPointer(rebasing: head[min(done, head.count)...])
      let restBody = unsafe UnsafeRawBufferPointer(rebasing: body[max(0, done - head.count)...])
      done +=
        unsafe restHead.isEmpty
        ? try write(restBody, Self.none, .never)
        : try write(restHead, restBody, .never)
    }
    return true
  }

  /// The message is given up after `written` of its bytes.
  func abandon(after written: Int, first: FrameHeader, bytes: Int, last: FrameHeader) {
    abandoned = AbandonedFrame(after: written, first: first, bytes: bytes, last: last)
    hasAbandoned = !abandoned.isFinished
  }

  /// Fragments come: a receiver must find out whether this sender still lives.
  func claimNumber() {
    if hasClaimed || stream == 0 { return }
    hasClaimed = true
    writer.claim(stream)
  }

  /// The remaining fragments of the message don't come.
  func abandonFragments() { writer.abandonMessage() }

  /// Writes what the frame that was given up still needs.
  private func finishAbandoned(until deadline: Deadline) throws(ChannelError) -> Bool {
    if !hasAbandoned { return true }
    var left = abandoned
    defer {
      abandoned = left
      hasAbandoned = !left.isFinished
    }
    return unsafe try left.finish { bytes throws(ChannelError) in
      unsafe try write(bytes, Self.none, deadline)
    }
  }

  /// Half a line can't be taken back: once its first byte is out the rest follows, also past a deadline.
  private func sendLine(
    _ bytes: UnsafeRawBufferPointer, until deadline: Deadline
  ) throws(ChannelError) -> Bool {
    var newline = FrameHeader.newline
    return unsafe try withUnsafeBytes(of: &newline) { end throws(ChannelError) in
      unsafe try put(bytes, end, deadline)
    }
  }
}
