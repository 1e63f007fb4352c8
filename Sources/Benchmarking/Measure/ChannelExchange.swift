import CBaseline
import IPC
import SystemCalls

/// An exchange over the library's channels, through its public interface, as a program of a user does it.
@safe struct ChannelExchange: ~Copyable, Exchange {
  var out: ByteSender?
  var into: ByteReceiver?
  let size: Int
  private let mode: SendMode
  /// The message that is sent, with another number each time.
  let message: UnsafeMutableRawBufferPointer

  init(_ spec: ExchangeSpec, out: consuming ByteSender?, into: consuming ByteReceiver?) {
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

  mutating func run(_ context: ExchangeContext, _ run: ExchangeRun) throws -> Int32 {
    unsafe context.tally.pointee.every_byte = run.verifies
    guard let loops = context.spec.workload.overChannel else {
      throw ExchangeFailure("\(context.spec.workload.name) has no exchange over a channel")
    }
    return try context.isSender ? loops.send(&self, context, run) : loops.receive(&self, context, run)
  }

  /// Sends the messages of a run, as fast as possible.
  mutating func send(_ run: ExchangeRun) throws -> Int32 {
    let (size, bytes) = unsafe (self.size, message.baseAddress!.assumingMemoryBound(to: UInt8.self))
    if mode == .inPlace {
      for number in run.numbers {
        try out!.send(count: size) { room in
          unsafe room.withUnsafeMutableBufferPointer { room in
            if run.verifies { unsafe baseline_fill(room.baseAddress, size, number) }
            unsafe baseline_stamp(room.baseAddress, size, number)
          }
        }
      }
    } else {
      for number in run.numbers {
        if run.verifies { unsafe baseline_fill(bytes, size, number) }
        unsafe baseline_stamp(bytes, size, number)
        try out!.send(unsafe Span(_unsafeStart: bytes, count: size))
      }
    }
    try out!.flush()
    return 0
  }

  /// Receives so many messages, and checks each.
  mutating func receive(_ context: ExchangeContext, _ count: UInt64) throws -> Int32 {
    let (size, tally) = unsafe (self.size, context.tally)
    for _ in 0..<count {
      let right = try into!.receive { unsafe Self.check($0, tally, size) }
      if !right { return Int32(baseline_damaged) }
    }
    return 0
  }

  @inline(__always) static func check(
    _ bytes: Span<UInt8>, _ tally: UnsafeMutablePointer<baseline_tally>, _ size: Int
  ) -> Bool {
    unsafe bytes.withUnsafeBufferPointer { unsafe baseline_check(tally, $0.baseAddress, $0.count, size) }
  }

  mutating func stop(_ receivers: Int) throws {
    let bytes = unsafe message.baseAddress!.assumingMemoryBound(to: UInt8.self)
    for _ in 0..<receivers {
      unsafe baseline_stamp(bytes, size, baseline_stop)
      try out!.send(unsafe Span(_unsafeStart: bytes, count: size))
      try out!.flush()
    }
  }
}
