import Synchronization
import SystemCalls

/// Sends ints as realtime signals.
final class SignalSender: SenderTransport {
  let mechanism = SignalVariant.mechanism
  let options: ChannelOptions
  private(set) var bytesCarried = 0
  var coalesces = false
  let admitsMoreSenders = true
  private let link: SignalLink
  private var spinPolicy: SpinPolicy
  private let scratch = ByteBuffer(capacity: 16)
  private var isClosed = false

  init(_ link: SignalLink, _ options: ChannelOptions) {
    self.link = link
    self.options = options
    spinPolicy = SpinPolicy(options.wait)
  }

  private func check(_ count: Int) throws(ChannelError) {
    guard count == 4 else {
      throw ChannelError(
        .messageTooLong, .send, mechanism,
        "a message of \(count) bytes can't be a signal: send an Int32, which has 4, or choose another mechanism",
        limit: 4)
    }
  }

  func send(_ bytes: UnsafeRawBufferPointer, until deadline: Deadline) throws(ChannelError) -> Bool {
    try check(bytes.count)
    let value = Int32(littleEndian: unsafe bytes.loadUnaligned(as: Int32.self))
    var backoff = Backoff(deadline)
    repeat {
      guard try takeCredit(until: deadline) else { return false }
      if try queue(value) { return true }
      // The kernel holds as many signals of this user as ulimit -i allows; it has nothing to wait on for fewer.
    } while backoff.pause()
    return false
  }

  /// False: the kernel has no room, or nobody listens just now.
  private func queue(_ value: Int32) throws(ChannelError) -> Bool {
    let target = link.target.load()
    // Its liveness is looked at before each signal: a number that could be another process's by now isn't used.
    if link.liveness.peersGone { throw .closed(.send, mechanism) }
    do throws(SystemError) {
      try Signals.rtTgsigqueueinfo(
        value, process: Int32(truncatingIfNeeded: target >> 32), thread: Int32(truncatingIfNeeded: target))
    } catch {
      link.credits.addOne()
      // ESRCH: the receiver's thread has ended, and another process listens soon, or the liveness says that the receiver
      // is gone. Not before: who closes a moment earlier would think that the receiver is still there to tidy up.
      if error.number == 3 || error.wouldBlock { return false }
      throw ChannelError(error, .send, mechanism)
    }
    bytesCarried += 4
    return true
  }

  /// A place in the receiver's pipe.
  private func takeCredit(until deadline: Deadline) throws(ChannelError) -> Bool {
    if try attempt() { return true }
    if deadline.isNow { return false }
    if try spinPolicy.spin(until: deadline, { () throws(ChannelError) in try attempt() }) { return true }
    return try link.room.wait(until: deadline) { () throws(ChannelError) in try attempt() }
  }

  private func attempt() throws(ChannelError) -> Bool {
    if link.liveness.peersGone { throw .closed(.send, mechanism) }
    return link.target.load() != 0 && link.credits.takeOne()
  }

  func reserve(_ capacity: Int, until deadline: Deadline) throws(ChannelError)
    -> UnsafeMutableRawBufferPointer?
  {
    try check(capacity)
    return unsafe UnsafeMutableRawBufferPointer(rebasing: scratch.room(4)[..<4])
  }

  func commit(_ count: Int, until deadline: Deadline) throws(ChannelError) -> Bool {
    try check(count)
    return unsafe try send(UnsafeRawBufferPointer(rebasing: scratch.room(4)[..<4]), until: deadline)
  }

  func flush(until deadline: Deadline) throws(ChannelError) -> Bool { true }

  var readiness: Readiness { .waiting }

  func waitUntilReady(_ count: Int, until deadline: Deadline) -> Bool {
    let found = try? link.room.wait(until: deadline) { () throws(ChannelError) in
      link.liveness.peersGone || link.target.load() != 0 && link.credits.load() > 0
    }
    return found ?? true
  }

  var wholeBytes: Int { 4 }

  func close() {
    if isClosed { return }
    isClosed = true
    link.close()
  }

  func transfer() throws(ChannelError) -> EndpointTransfer {
    let carried = try link.transfer()
    return EndpointTransfer(parameters: carried.parameters, descriptors: carried.descriptors) {
      self.isClosed = true
      return carried.surrender()
    }
  }
}

/// The thread that signals are queued to: takes each, and writes it to a pipe.
private final class SignalListener: Sendable {
  let pipe: PipeEnds
  private let isOver = Atomic<Bool>(false)
  private let thread = Atomic<Int32>(0)
  private let started = LocalEventCount()

  init() throws(SystemError) {
    pipe = try PipeEnds.pipe2()
    try pipe.reading.setNonblocking(true)
    try Threads.start(name: "ipc-signals") { [self] in
      thread.store(Signals.gettid, ordering: .sequentiallyConsistent)
      started.bell.wake()
      while !isOver.load(ordering: .acquiring) {
        guard let value = try? Signals.sigwaitinfo() else { continue }
        if isOver.load(ordering: .acquiring) { return }
        // A credit was taken for it, so there is room.
        try? Signals.write(value, to: pipe.writing)
      }
    }
    _ = try? started.bell.wait(until: .never) { () throws(ChannelError) in
      thread.load(ordering: .sequentiallyConsistent) != 0
    }
  }

  var target: UInt64 {
    UInt64(UInt32(bitPattern: CurrentProcess.process)) << 32
      | UInt64(UInt32(bitPattern: thread.load(ordering: .sequentiallyConsistent)))
  }

  func end() {
    isOver.store(true, ordering: .sequentiallyConsistent)
    // One more, so that it looks.
    try? Signals.rtTgsigqueueinfo(
      0, process: CurrentProcess.process, thread: thread.load(ordering: .sequentiallyConsistent))
  }
}

/// Takes the ints that the listener has written to its pipe.
final class SignalReceiver: ReceiverTransport {
  let mechanism = SignalVariant.mechanism
  let options: ChannelOptions
  private(set) var bytesCarried = 0
  private let link: SignalLink
  private var spinPolicy: SpinPolicy
  private var listener: SignalListener?
  private let value = ByteBuffer(capacity: 16)
  private var isClosed = false
  /// Until when signals of senders that have gone may still be on their way.
  private let lastCall = Atomic<UInt64>(.max)

  init(_ link: SignalLink, _ options: ChannelOptions) {
    self.link = link
    self.options = options
    spinPolicy = SpinPolicy(options.wait)
  }

  /// Begins to listen in this process.
  func listen() throws(ChannelError) {
    guard listener == nil else { return }
    let begun = try translating(.open, mechanism) { () throws(SystemError) in try SignalListener() }
    listener = begun
    link.target.store(begun.target)
    link.room.wake()
  }

  private func endListening() {
    listener?.end()
    listener = nil
  }

  /// Whether nothing more can come: the senders are gone, and every credit is back. A sender that died between
  /// its credit and its signal keeps one; 100 ms later nothing is on its way any more.
  private var isOver: Bool {
    guard link.liveness.peersGone else { return false }
    if link.credits.load() >= UInt64(SignalVariant.credits) { return true }
    let now = Clock.now()
    _ = lastCall.compareExchange(expected: .max, desired: now + 100_000_000, ordering: .acquiringAndReleasing)
    return now >= lastCall.load(ordering: .acquiring)
  }

  func take(until deadline: Deadline) throws(ChannelError) -> UnsafeRawBufferPointer? {
    if try attempt() { return unsafe value.bytes }
    if deadline.isNow { return nil }
    let came = try FlushRegistry.waiting(until: deadline) { limit throws(ChannelError) -> Bool? in
      if try spinPolicy.spin(until: limit, { () throws(ChannelError) in try attempt() }) { return true }
      while true {
        // Once the senders are gone their liveness would end every wait at once.
        let gone = link.liveness.peersGone
        var entries = [PollEntry(listener?.pipe.reading.raw ?? -1, read: true)]
        if !gone { entries.append(PollEntry(link.liveness.pollable)) }
        _ = try translating(.receive, mechanism) { () throws(SystemError) in
          try ppoll(&entries, nanoseconds: gone ? limit.remaining(atMost: 5_000_000) : limit.remaining)
        }
        if !gone, entries[1].hungUp { link.liveness.notePeersGone() }
        if try attempt() { return true }
        if limit.hasPassed { return nil }
      }
    }
    return came == nil ? nil : unsafe value.bytes
  }

  private func attempt() throws(ChannelError) -> Bool {
    let isOver = isOver
    value.removeAll()
    do throws(SystemError) {
      let room = unsafe UnsafeMutableRawBufferPointer(rebasing: value.room(4)[..<4])
      let count = unsafe try Streams.read(listener?.pipe.reading.raw ?? -1, into: room)
      guard count == 4 else { throw SystemError(5, .read) }
    } catch {
      guard error.wouldBlock else { throw ChannelError(error, .receive, mechanism) }
      if isOver { throw .closed(.receive, mechanism) }
      return false
    }
    value.filled(4)
    bytesCarried += 4
    link.credits.addOne()
    link.room.notify()
    return true
  }

  func release() {}

  /// Not the liveness's end, behind which signals may still come: `take` waits for that.
  var readiness: Readiness { .waiting }

  func waitUntilReady(until deadline: Deadline) -> Bool {
    while true {
      let gone = link.liveness.peersGone
      let limit = gone ? deadline.remaining(atMost: 5_000_000) : deadline.remaining
      var entries = [PollEntry(listener?.pipe.reading.raw ?? -1, read: true)]
      if !gone { entries.append(PollEntry(link.liveness.pollable)) }
      guard let found = try? ppoll(&entries, nanoseconds: limit) else { return true }
      if !gone, entries[1].hungUp { link.liveness.notePeersGone() }
      if found > 0 && entries[0].readable || isOver { return true }
      if deadline.hasPassed { return false }
    }
  }

  func close() {
    if isClosed { return }
    isClosed = true
    endListening()
    link.close()
  }

  func transfer() throws(ChannelError) -> EndpointTransfer {
    // Senders wait from here on, until the other process listens.
    let target = link.target.load()
    link.target.store(0)
    guard link.credits.load() == UInt64(SignalVariant.credits) else {
      link.target.store(target)
      throw ChannelError(
        .notSupported, .pass, mechanism,
        "signals have come to this process: hand the end over before any is sent")
    }
    let carried = try link.transfer()
    return EndpointTransfer(parameters: carried.parameters, descriptors: carried.descriptors) {
      self.isClosed = true
      self.endListening()
      return carried.surrender()
    }
  }
}
