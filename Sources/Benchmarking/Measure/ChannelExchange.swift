import CBaseline
import IPC
import SystemCalls

/// The exchange over the library's channels, through its public interface: what a user's program does.
@safe struct ChannelExchange: ~Copyable, Exchange {
  private var out: Sender?
  private var into: Receiver?
  private let size: Int
  private let mode: SendMode
  /// What is sent: stamped anew for each message.
  private let message: UnsafeMutableRawBufferPointer

  init(_ spec: PartSpec, out: consuming Sender?, into: consuming Receiver?) {
    self.out = consume out
    self.into = consume into
    size = spec.size
    mode = spec.mode
    unsafe message = .allocate(byteCount: spec.size + 16, alignment: 16)
    unsafe message.initializeMemory(as: UInt8.self, repeating: 0)
    if spec.mode == .batched { self.out?.coalesces = true }
  }

  deinit { unsafe message.deallocate() }

  mutating func close() {
    out = nil
    into = nil
  }

  mutating func run(_ side: Side, first: UInt64, count: UInt64, verifies: Bool, pace: PartCommand.Pace?)
    throws -> Int32
  {
    unsafe side.tally.pointee.every_byte = verifies
    switch (side.spec.workload, side.isSender) {
    case (.latency, true) where side.spec.isTwoWay || pace != nil:
      if let pace { return try send(paced: pace, first, count, verifies) }
      return try side.chunks(count) { done, part in try pingpong(side, first + done, part) }
    case (.latency, false) where side.spec.isTwoWay || pace != nil:
      guard let pace else { return try echo(side, count) }
      return try side.chunks(count) { done, part in try receive(paced: pace, side, done, part) }
    case (.wake, true): return try wake(side, first, count, verifies)
    case (.wake, false): return try side.chunks(count) { _, part in try woken(side, part) }
    case (_, true): return try send(first, count, verifies)
    case (.fanOut, false): return try receiveUntilStopped(side)
    case (_, false): return try receive(side, count)
    }
  }

  private mutating func send(_ first: UInt64, _ count: UInt64, _ verifies: Bool) throws -> Int32 {
    let (size, bytes) = unsafe (self.size, message.baseAddress!.assumingMemoryBound(to: UInt8.self))
    if mode == .inPlace {
      for number in first..<(first &+ count) {
        try out!.send(count: size) { room in
          unsafe room.withUnsafeMutableBufferPointer { room in
            if verifies { unsafe baseline_fill(room.baseAddress, size, number) }
            unsafe baseline_stamp(room.baseAddress, size, number)
          }
        }
      }
    } else {
      for number in first..<(first &+ count) {
        if verifies { unsafe baseline_fill(bytes, size, number) }
        unsafe baseline_stamp(bytes, size, number)
        try out!.send(unsafe Span(_unsafeStart: bytes, count: size))
      }
    }
    try out!.flush()
    return 0
  }

  private mutating func receive(_ side: Side, _ count: UInt64) throws -> Int32 {
    let (size, tally) = unsafe (self.size, side.tally)
    for _ in 0..<count {
      let right = try into!.receive { unsafe Self.check($0, tally, size) }
      if !right { return Int32(baseline_damaged) }
    }
    return 0
  }

  @inline(__always) private static func check(
    _ bytes: Span<UInt8>, _ tally: UnsafeMutablePointer<baseline_tally>, _ size: Int
  ) -> Bool {
    unsafe bytes.withUnsafeBufferPointer { unsafe baseline_check(tally, $0.baseAddress, $0.count, size) }
  }

  private mutating func receiveUntilStopped(_ side: Side) throws -> Int32 {
    let (size, tally) = unsafe (self.size, side.tally)
    while true {
      let (right, stop) = try into!.receive { bytes in
        (
          unsafe Self.check(bytes, tally, size),
          unsafe bytes.withUnsafeBytes { unsafe $0.loadUnaligned(as: UInt64.self) == baseline_stop }
        )
      }
      if !right { return Int32(baseline_damaged) }
      if stop {
        unsafe tally.pointee.received -= 1
        return 0
      }
    }
  }

  mutating func stop(_ receivers: Int) throws {
    let bytes = unsafe message.baseAddress!.assumingMemoryBound(to: UInt8.self)
    for _ in 0..<receivers {
      unsafe baseline_stamp(bytes, size, baseline_stop)
      try out!.send(unsafe Span(_unsafeStart: bytes, count: size))
      try out!.flush()
    }
  }

  private mutating func pingpong(_ side: Side, _ first: UInt64, _ count: UInt64) throws -> Int32 {
    let (size, tally, samples) = unsafe (self.size, side.tally, side.samples)
    let verifies = unsafe tally.pointee.every_byte
    let bytes = unsafe message.baseAddress!.assumingMemoryBound(to: UInt8.self)
    var before = baseline_now()
    for index in 0..<Int(count) {
      if verifies { unsafe baseline_fill(bytes, size, first + UInt64(index)) }
      unsafe baseline_stamp(bytes, size, first + UInt64(index))
      try out!.send(unsafe Span(_unsafeStart: bytes, count: size))
      let right = try into!.receive { unsafe Self.check($0, tally, size) }
      if !right { return Int32(baseline_damaged) }
      let now = baseline_now()
      unsafe samples[index] = now - before
      before = now
    }
    return 0
  }

  private mutating func echo(_ side: Side, _ count: UInt64) throws -> Int32 {
    let (size, tally) = unsafe (self.size, side.tally)
    let verifies = unsafe tally.pointee.every_byte
    let bytes = unsafe message.baseAddress!.assumingMemoryBound(to: UInt8.self)
    for _ in 0..<count {
      let number = unsafe tally.pointee.next.0
      let right = try into!.receive { unsafe Self.check($0, tally, size) }
      if !right { return Int32(baseline_damaged) }
      if verifies { unsafe baseline_fill(bytes, size, number) }
      unsafe baseline_stamp(bytes, size, number)
      try out!.send(unsafe Span(_unsafeStart: bytes, count: size))
    }
    return 0
  }

  private mutating func wake(_ side: Side, _ first: UInt64, _ count: UInt64, _ verifies: Bool) throws -> Int32
  {
    let (size, board) = unsafe (self.size, side.board.pointer)
    let bytes = unsafe message.baseAddress!.assumingMemoryBound(to: UInt8.self)
    for number in first..<(first + count) {
      if unsafe baseline_await_sleeper(board, number, sleepersGap) < 0 {
        throw ExchangeFailure("the receiver doesn't come back for message \(number)")
      }
      if verifies { unsafe baseline_fill(bytes, size, number) }
      unsafe baseline_stamp(bytes, size, number)
      unsafe baseline_note_sent(board)
      try out!.send(unsafe Span(_unsafeStart: bytes, count: size))
    }
    return 0
  }

  private mutating func woken(_ side: Side, _ count: UInt64) throws -> Int32 {
    let (size, tally, samples, board) = unsafe (self.size, side.tally, side.samples, side.board.pointer)
    for index in 0..<Int(count) {
      unsafe baseline_about_to_sleep(board, tally.pointee.next.0)
      let right = try into!.receive { unsafe Self.check($0, tally, size) }
      if !right { return Int32(baseline_damaged) }
      unsafe samples[index] = baseline_now() - baseline_sent(board)
    }
    return 0
  }

  private mutating func send(
    paced pace: PartCommand.Pace, _ first: UInt64, _ count: UInt64, _ verifies: Bool
  ) throws -> Int32 {
    let size = self.size
    let bytes = unsafe message.baseAddress!.assumingMemoryBound(to: UInt8.self)
    for index in 0..<count {
      baseline_wait_until(pace.start + UInt64(Double(index) * pace.interval))
      if verifies { unsafe baseline_fill(bytes, size, first + index) }
      unsafe baseline_stamp(bytes, size, first + index)
      try out!.send(unsafe Span(_unsafeStart: bytes, count: size))
    }
    return 0
  }

  private mutating func receive(
    paced pace: PartCommand.Pace, _ side: Side, _ done: UInt64, _ count: UInt64
  ) throws -> Int32 {
    let (size, tally, samples) = unsafe (self.size, side.tally, side.samples)
    for index in 0..<Int(count) {
      let right = try into!.receive { unsafe Self.check($0, tally, size) }
      if !right { return Int32(baseline_damaged) }
      let (now, meant) = (baseline_now(), pace.start + UInt64(Double(done + UInt64(index)) * pace.interval))
      unsafe samples[index] = now > meant ? now - meant : 0
    }
    return 0
  }
}
