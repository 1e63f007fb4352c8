import CBaseline
import IPC

extension Workload {
  /// A message to the other process and one back, the next when the last has come: a closed loop. With a rate: one way,
  /// at fixed instants, whether or not the receiver keeps up: an open loop.
  package static let latency: Workload = Workload(
    name: "latency", summary: "the round trip of a message and its reply",
    isTimed: true, isRoundTrip: true, takesRate: true, comparesSizes: true, defaultWaits: [.block, .spin],
    quickCases: { row in
      [WaitStrategy.block, .spin, .adaptive].map {
        BenchmarkCase(.latency, row.mechanism, wait: $0, size: row.size)
      }
    },
    overChannel: ExchangeLoops(
      send: { channel, context, run in
        if let pace = run.pace { return try channel.send(run, at: pace) }
        guard context.spec.isTwoWay else { return try channel.send(run) }
        return try context.chunks(run.count) { done, count in
          try channel.pingPong(context, first: run.first + done, count)
        }
      },
      receive: { channel, context, run in
        guard let pace = run.pace else {
          return context.spec.isTwoWay
            ? try channel.echo(context, run.count) : try channel.receive(context, run.count)
        }
        return try context.chunks(run.count) { done, count in
          try channel.receive(context, count, after: done, at: pace)
        }
      }),
    inPlainC: ExchangeLoops(
      send: { raw, context, run in
        if let pace = run.pace {
          return unsafe baseline_send_paced(
            raw.out, run.first, run.count, pace.start, pace.interval, run.verifies)
        }
        guard context.spec.isTwoWay else {
          return unsafe baseline_send(raw.out, run.first, run.count, run.verifies)
        }
        return context.chunks(run.count) { done, count in
          unsafe baseline_pingpong(
            raw.out, raw.into, context.tally, run.first + done, count, context.samples)
        }
      },
      receive: { raw, context, run in
        guard let pace = run.pace else {
          return context.spec.isTwoWay
            ? unsafe baseline_echo(raw.into, raw.out, context.tally, run.count)
            : unsafe baseline_receive(raw.into, context.tally, run.count)
        }
        return context.chunks(run.count) { done, count in
          unsafe baseline_receive_paced(
            raw.into, context.tally, count, pace.start + UInt64(Double(done) * pace.interval), pace.interval,
            context.samples)
        }
      }))
}

extension ChannelExchange {
  fileprivate mutating func pingPong(
    _ context: ExchangeContext, first: UInt64, _ count: UInt64
  ) throws -> Int32 {
    let (size, tally, samples) = unsafe (self.size, context.tally, context.samples)
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

  fileprivate mutating func echo(_ context: ExchangeContext, _ count: UInt64) throws -> Int32 {
    let (size, tally) = unsafe (self.size, context.tally)
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

  /// Sends each message at its instant.
  fileprivate mutating func send(_ run: ExchangeRun, at pace: ExchangeCommand.Pace) throws -> Int32 {
    let size = self.size
    let bytes = unsafe message.baseAddress!.assumingMemoryBound(to: UInt8.self)
    for index in 0..<run.count {
      baseline_wait_until(pace.start + UInt64(Double(index) * pace.interval))
      if run.verifies { unsafe baseline_fill(bytes, size, run.first + index) }
      unsafe baseline_stamp(bytes, size, run.first + index)
      try out!.send(unsafe Span(_unsafeStart: bytes, count: size))
    }
    return 0
  }

  /// Samples are from the instant at which a message was meant to be sent.
  fileprivate mutating func receive(
    _ context: ExchangeContext, _ count: UInt64, after done: UInt64, at pace: ExchangeCommand.Pace
  ) throws -> Int32 {
    let (size, tally, samples) = unsafe (self.size, context.tally, context.samples)
    for index in 0..<Int(count) {
      let right = try into!.receive { unsafe Self.check($0, tally, size) }
      if !right { return Int32(baseline_damaged) }
      let (now, meant) = (baseline_now(), pace.start + UInt64(Double(done + UInt64(index)) * pace.interval))
      unsafe samples[index] = now > meant ? now - meant : 0
    }
    return 0
  }
}
