import SystemCalls

/// Sends ints as realtime signals.
final class SignalSender: SendingEnd {
  let mechanism = SignalVariant.mechanism
  let options: ChannelOptions
  private(set) var bytesCarried = 0
  var coalesces = false
  let admitsMoreSenders = true
  private let link: SignalLink
  private var spinner: Spinner
  /// The receiver's process; known once it listens.
  private var process: Descriptor?
  private var signal: Int32 = 0
  private let scratch = ByteBuffer(capacity: 16)
  private var isClosed = false

  init(_ link: SignalLink, _ options: ChannelOptions) {
    self.link = link
    self.options = options
    spinner = Spinner(options.wait)
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
    guard try takeCredit(until: deadline) else { return false }
    do throws(SystemError) {
      switch process {
      case .some(let process): try Signals.send(signal, value: value, to: process)
      case .none: throw SystemError(3, .pidfdSendSignal)
      }
    } catch {
      link.credits.addOne()
      // ESRCH: the receiver's process has ended.
      if error.number == 3 { throw .closed(.send, mechanism) }
      if error.wouldBlock { return false }
      throw ChannelError(error, .send, mechanism)
    }
    bytesCarried += 4
    return true
  }

  /// A place in the receiver's pipe, and where to send.
  private func takeCredit(until deadline: Deadline) throws(ChannelError) -> Bool {
    if try attempt() { return true }
    if deadline.isNow { return false }
    if try spinner.spin(until: deadline, { () throws(ChannelError) in try attempt() }) { return true }
    return try link.room.wait(until: deadline) { () throws(ChannelError) in try attempt() }
  }

  private func attempt() throws(ChannelError) -> Bool {
    if link.lifeline.peersGone { throw .closed(.send, mechanism) }
    if process == nil {
      let target = link.target.load()
      guard target != 0 else { return false }
      let number = Int32(truncatingIfNeeded: target >> 32)
      signal = Int32(truncatingIfNeeded: target & 0xFFFF)
      do throws(SystemError) {
        process = try Processes.descriptor(of: number)
      } catch {
        throw .closed(.send, mechanism)
      }
      // The lifeline still held after the descriptor was opened: it is that process, and no later one.
      if link.lifeline.peersGone { throw .closed(.send, mechanism) }
    }
    return link.credits.takeOne()
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

  func close() {
    if isClosed { return }
    isClosed = true
    link.close()
  }

  func handOver() throws(ChannelError) -> Handover {
    let carried = link.handOver()
    return Handover(parameters: carried.parameters, descriptors: carried.descriptors) {
      self.isClosed = true
      return carried.surrender()
    }
  }
}

/// Takes the ints that a handler has written to a pipe.
final class SignalReceiver: ReceivingEnd {
  let mechanism = SignalVariant.mechanism
  let options: ChannelOptions
  private(set) var bytesCarried = 0
  private let link: SignalLink
  private var spinner: Spinner
  private var pipe: PipeEnds?
  private var signal: Int32 = 0
  private let value = ByteBuffer(capacity: 16)
  private var isClosed = false
  /// Until when signals of senders that have gone may still be on their way to the handler.
  private var lastCall: UInt64?

  init(_ link: SignalLink, _ options: ChannelOptions) {
    self.link = link
    self.options = options
    spinner = Spinner(options.wait)
  }

  /// Whether nothing more can come: the senders are gone, and every credit is back. A sender that died between
  /// its credit and its signal keeps one; 100 ms later nothing is on its way any more.
  private var isOver: Bool {
    guard link.lifeline.peersGone else { return false }
    if link.credits.load() >= UInt64(SignalVariant.credits) { return true }
    let now = Clock.now()
    let end = lastCall ?? now + 100_000_000
    lastCall = end
    return now >= end
  }

  /// Begins to listen in this process. An end that is handed over begins where it is used.
  func listen() throws(ChannelError) {
    guard signal == 0 else { return }
    do throws(SystemError) {
      let ends = try PipeEnds()
      try ends.writing.setNonblocking(true)
      try ends.reading.setNonblocking(true)
      signal = try Signals.take(pipe: ends.writing)
      pipe = consume ends
    } catch {
      throw ChannelError(
        .busy, .open, mechanism, "no realtime signal is free in this process: close another signal channel",
        errno: error.number)
    }
    link.target.store(UInt64(UInt32(bitPattern: Myself.process)) << 32 | UInt64(signal))
    link.room.wake()
  }

  private var reading: Int32 {
    switch pipe {
    case .some(let ends): ends.reading.raw
    case .none: -1
    }
  }

  func take(until deadline: Deadline) throws(ChannelError) -> UnsafeRawBufferPointer? {
    try listen()
    if try attempt() { return unsafe value.bytes }
    if deadline.isNow { return nil }
    let came = try PendingFlushes.waiting(until: deadline) { limit throws(ChannelError) -> Bool? in
      if try spinner.spin(until: limit, { () throws(ChannelError) in try attempt() }) { return true }
      while true {
        // Once the senders are gone their lifeline would end every wait at once.
        let gone = link.lifeline.peersGone
        var entries = [PollEntry(reading, read: true)] + (gone ? [] : [PollEntry(link.lifeline.pollable)])
        _ = try translating(.receive, mechanism) { () throws(SystemError) in
          try poll(&entries, nanoseconds: gone ? limit.remaining(atMost: 5_000_000) : limit.remaining)
        }
        if !gone, entries[1].hungUp { link.lifeline.notePeersGone() }
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
      let count = unsafe try Streams.read(reading, into: room)
      guard count == 4 else { throw SystemError(5, .read) }
    } catch {
      guard error.wouldBlock else { throw ChannelError(error, .receive, mechanism) }
      if isOver { throw .closed(.receive, mechanism) }
      return false
    }
    value.filled(4)
    bytesCarried += 4
    link.credits.addOne()
    link.room.ring()
    return true
  }

  func release() {}

  func close() {
    if isClosed { return }
    isClosed = true
    if signal != 0 { Signals.release(signal) }
    link.close()
  }

  func handOver() throws(ChannelError) -> Handover {
    guard signal == 0 else {
      throw ChannelError(
        .notSupported, .handOver, mechanism,
        "signals come to the process that listens: hand it over before receiving")
    }
    let carried = link.handOver()
    return Handover(parameters: carried.parameters, descriptors: carried.descriptors) {
      self.isClosed = true
      return carried.surrender()
    }
  }
}
