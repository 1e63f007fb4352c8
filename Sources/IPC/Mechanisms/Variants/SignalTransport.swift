import Glibc
import Synchronization
import SystemCalls

private let integerBytes = MemoryLayout<Int32>.size

/// Sends ints as realtime signals.
final class SignalSender: SenderTransport {
  let mechanism = SignalMechanism.mechanism
  let options: ChannelOptions
  private(set) var bytesCarried = 0
  var coalesces = false
  let admitsMoreSenders = true
  let atomicMessageBytes = integerBytes
  private let endpoint: SignalEndpoint
  private var spinPolicy: SpinPolicy
  private let reserved = ByteBuffer(capacity: integerBytes)
  private var isClosed = false

  init(_ endpoint: SignalEndpoint, _ options: ChannelOptions) {
    self.endpoint = endpoint
    self.options = options
    spinPolicy = SpinPolicy(options.wait)
  }

  private func check(_ count: Int) throws(ChannelError) {
    guard count == integerBytes else {
      throw ChannelError(
        .messageTooLong, .send, mechanism,
        "a message of \(count) bytes can't be a signal: send an Int32, which has \(integerBytes), or choose another mechanism",
        limit: integerBytes)
    }
  }

  func send(_ bytes: UnsafeRawBufferPointer, until deadline: Deadline) throws(ChannelError) -> Bool {
    try check(bytes.count)
    let value = Int32(littleEndian: unsafe bytes.loadUnaligned(as: Int32.self))
    var backoff = Backoff(deadline)
    repeat {
      guard try takePlace(until: deadline) else { return false }
      if try queue(value) { return true }
      // The kernel holds as many signals of this user as ulimit -i allows, and has nothing to wait on for fewer.
    } while backoff.pause()
    return false
  }

  /// Returns false if the kernel has no room, or no thread receives just now.
  private func queue(_ value: Int32) throws(ChannelError) -> Bool {
    let target = endpoint.target.load()
    // Asked before each signal: the process id isn't used once it may be another process's.
    if endpoint.peersGone { throw .closed(.send, mechanism) }
    do throws(SystemError) {
      try Signals.rtTgsigqueueinfo(
        value, process: Int32(truncatingIfNeeded: target >> 32), thread: Int32(truncatingIfNeeded: target))
    } catch {
      endpoint.places.addOne()
      // ESRCH: the receiver's thread has ended. Another process receives soon, or the liveness pipe reports that the
      // receiver is gone. Not before: a sender that closed a moment earlier would leave the objects to the receiver.
      if error.number == ESRCH || error.wouldBlock { return false }
      throw ChannelError(error, .send, mechanism)
    }
    bytesCarried += integerBytes
    return true
  }

  /// Takes a place in the receiver's pipe.
  private func takePlace(until deadline: Deadline) throws(ChannelError) -> Bool {
    if try tryTakePlace() { return true }
    if deadline.isNow { return false }
    if try spinPolicy.spin(until: deadline, { () throws(ChannelError) in try tryTakePlace() }) { return true }
    return try endpoint.room.wait(until: deadline) { () throws(ChannelError) in try tryTakePlace() }
  }

  private func tryTakePlace() throws(ChannelError) -> Bool {
    if endpoint.peersGone { throw .closed(.send, mechanism) }
    return endpoint.target.load() != 0 && endpoint.places.takeOne()
  }

  func reserve(_ capacity: Int, until deadline: Deadline) throws(ChannelError)
    -> UnsafeMutableRawBufferPointer?
  {
    try check(capacity)
    return unsafe room
  }

  private var room: UnsafeMutableRawBufferPointer {
    unsafe UnsafeMutableRawBufferPointer(rebasing: reserved.room(integerBytes)[..<integerBytes])
  }

  func commit(_ count: Int, until deadline: Deadline) throws(ChannelError) -> Bool {
    try check(count)
    return unsafe try send(UnsafeRawBufferPointer(room), until: deadline)
  }

  func flush(until deadline: Deadline) throws(ChannelError) -> Bool { true }

  var objects: [String] { endpoint.owner.objects }
  var readiness: Readiness { .thread }

  func waitUntilReady(_ count: Int, until deadline: Deadline) -> Bool {
    let found = try? endpoint.room.wait(until: deadline) { () throws(ChannelError) in
      endpoint.peersGone || endpoint.target.load() != 0 && endpoint.places.load() > 0
    }
    return found ?? true
  }

  func close() {
    if isClosed { return }
    isClosed = true
    endpoint.close()
  }

  func transfer() throws(ChannelError) -> EndpointTransfer { try endpoint.owner.transfer() }

  func finishTransfer() -> AnyObject? {
    isClosed = true
    return endpoint.owner.finishTransfer()
  }
}

/// The thread to which signals are queued: takes each, and writes it to a pipe.
private final class SignalThread: Sendable {
  let pipe: PipeEnds
  private let isOver = Atomic<Bool>(false)
  private let thread = Atomic<Int32>(0)
  private let started = LocalEventCount()

  init() throws(SystemError) {
    pipe = try PipeEnds.pipe2()
    try pipe.reading.setNonblocking(true)
    try Threads.start(name: "ipc-signals") { [self] in
      thread.store(Signals.gettid, ordering: .sequentiallyConsistent)
      started.eventCount.wake()
      while !isOver.load(ordering: .acquiring) {
        guard let value = try? Signals.sigwaitinfo() else { continue }
        if isOver.load(ordering: .acquiring) { return }
        // Its sender took a place for it, so the pipe has room.
        try? Signals.write(value, to: pipe.writing)
      }
    }
    _ = try? started.eventCount.wait(until: .never) { () throws(ChannelError) in
      thread.load(ordering: .sequentiallyConsistent) != 0
    }
  }

  /// As a sender finds it in the segment.
  var target: UInt64 {
    UInt64(UInt32(bitPattern: CurrentProcess.process)) << 32
      | UInt64(UInt32(bitPattern: thread.load(ordering: .sequentiallyConsistent)))
  }

  func end() {
    guard !isOver.exchange(true, ordering: .sequentiallyConsistent) else { return }
    // One more signal, so that the thread looks.
    try? Signals.rtTgsigqueueinfo(
      0, process: CurrentProcess.process, thread: thread.load(ordering: .sequentiallyConsistent))
  }
}

/// Receives the ints that the signal thread has written to its pipe.
final class SignalReceiver: ReceiverTransport {
  let mechanism = SignalMechanism.mechanism
  let options: ChannelOptions
  private(set) var bytesCarried = 0
  private let endpoint: SignalEndpoint
  private var spinPolicy: SpinPolicy
  private let thread: SignalThread
  private let value = ByteBuffer(capacity: integerBytes)
  private var isClosed = false
  /// Until when signals of senders that have gone may still be on their way.
  private let lastArrival = Atomic<UInt64>(.max)

  /// How long a signal may be on its way, and how often the receiver looks meanwhile, in nanoseconds.
  private static let transitTime: UInt64 = 100_000_000
  private static let transitSlice: UInt64 = 5_000_000

  /// Begins to receive in this process.
  init(_ endpoint: SignalEndpoint, _ options: ChannelOptions) throws(ChannelError) {
    self.endpoint = endpoint
    self.options = options
    spinPolicy = SpinPolicy(options.wait)
    thread = try translating(.open, mechanism) { () throws(SystemError) in try SignalThread() }
    endpoint.target.store(thread.target)
    endpoint.room.wake()
  }

  /// Whether nothing more can come: the senders are gone, and every place is back. A sender that died between taking
  /// its place and sending keeps one; some time later nothing is on its way any more.
  private var isOver: Bool {
    guard endpoint.peersGone else { return false }
    if endpoint.places.load() >= UInt64(SignalMechanism.places) { return true }
    let now = Clock.now()
    _ = lastArrival.compareExchange(
      expected: .max, desired: now + Self.transitTime, ordering: .acquiringAndReleasing)
    return now >= lastArrival.load(ordering: .acquiring)
  }

  func take(until deadline: Deadline) throws(ChannelError) -> UnsafeRawBufferPointer? {
    if try attempt() { return unsafe value.bytes }
    if deadline.isNow { return nil }
    let came = try FlushRegistry.waiting(until: deadline) { limit throws(ChannelError) -> Bool? in
      if try spinPolicy.spin(until: limit, { () throws(ChannelError) in try attempt() }) { return true }
      while true {
        _ = try translating(.receive, mechanism) { () throws(SystemError) in try poll(until: limit) }
        if try attempt() { return true }
        if limit.hasPassed { return nil }
      }
    }
    return came == nil ? nil : unsafe value.bytes
  }

  /// Waits for a signal or for the end of the last sender. Returns whether the pipe has something to read.
  private func poll(until deadline: Deadline) throws(SystemError) -> Bool {
    // Once the senders are gone, their liveness pipe would end every wait at once.
    let gone = endpoint.peersGone
    var entries = [PollEntry(thread.pipe.reading.raw, read: true)]
    if !gone { entries.append(PollEntry(endpoint.owner.liveness.pollable)) }
    let found = try ppoll(
      &entries, nanoseconds: gone ? deadline.remaining(atMost: Self.transitSlice) : deadline.remaining)
    if !gone, entries[1].hungUp { endpoint.owner.liveness.notePeersGone() }
    return found > 0 && entries[0].readable
  }

  private func attempt() throws(ChannelError) -> Bool {
    let isOver = isOver
    value.removeAll()
    let count: Int
    do throws(SystemError) {
      let room = unsafe UnsafeMutableRawBufferPointer(rebasing: value.room(integerBytes)[..<integerBytes])
      count = unsafe try Streams.read(thread.pipe.reading.raw, into: room)
    } catch {
      guard error.wouldBlock else { throw ChannelError(error, .receive, mechanism) }
      if isOver { throw .closed(.receive, mechanism) }
      return false
    }
    guard count == integerBytes else { throw .violation(mechanism, "\(count) bytes of an int") }
    value.filled(integerBytes)
    bytesCarried += integerBytes
    endpoint.places.addOne()
    endpoint.room.notify()
    return true
  }

  func release() {}

  var objects: [String] { endpoint.owner.objects }

  /// Not the liveness pipe's end, behind which signals may still come: `take` waits for that.
  var readiness: Readiness { .thread }

  func waitUntilReady(until deadline: Deadline) -> Bool {
    while true {
      guard let isReadable = try? poll(until: deadline) else { return true }
      if isReadable || isOver { return true }
      if deadline.hasPassed { return false }
    }
  }

  func close() {
    if isClosed { return }
    isClosed = true
    thread.end()
    endpoint.close()
  }

  func transfer() throws(ChannelError) -> EndpointTransfer {
    // Senders wait from here on, until the other process receives.
    let target = endpoint.target.load()
    endpoint.target.store(0)
    guard endpoint.places.load() == UInt64(SignalMechanism.places) else {
      endpoint.target.store(target)
      throw ChannelError(
        .notSupported, .pass, mechanism,
        "this process has received signals: pass the endpoint before any is sent")
    }
    return try endpoint.owner.transfer()
  }

  func finishTransfer() -> AnyObject? {
    isClosed = true
    thread.end()
    return endpoint.owner.finishTransfer()
  }
}
