import CBaseline
import IPC

extension Workload {
  /// How long it takes until a sleeping receiver has the message.
  package static let wake: Workload = Workload(
    name: "wake", summary: "from the send until a receiver that slept has the message", isTimed: true,
    needsSleepingReceiver: true,
    quickCases: { row in [BenchmarkCase(.wake, row.mechanism, wait: .block, size: row.size)] },
    overChannel: ExchangeLoops(
      send: { channel, context, run in try channel.sendToSleeper(context, run) },
      receive: { channel, context, run in
        try context.chunks(run.count) { _, count in try channel.receiveAsleep(context, count) }
      }),
    inPlainC: ExchangeLoops(
      send: { raw, context, run in
        unsafe baseline_wake(
          raw.out, context.page.pointer, run.first, run.count, sleepNanoseconds, run.verifies)
      },
      receive: { raw, context, run in
        context.chunks(run.count) { _, count in
          unsafe baseline_woken(raw.into, context.page.pointer, context.tally, count, context.samples)
        }
      }))

  /// How long a receiver is left alone before each message, so that it sleeps.
  fileprivate static let sleepNanoseconds: UInt64 = 250_000
}

extension ChannelExchange {
  fileprivate mutating func sendToSleeper(_ context: ExchangeContext, _ run: ExchangeRun) throws -> Int32 {
    let (size, page) = unsafe (self.size, context.page.pointer)
    let bytes = unsafe message.baseAddress!.assumingMemoryBound(to: UInt8.self)
    for number in run.numbers {
      if unsafe baseline_await_sleeper(page, number, Workload.sleepNanoseconds) < 0 {
        throw ExchangeFailure("the receiver doesn't come back for message \(number)")
      }
      if run.verifies { unsafe baseline_fill(bytes, size, number) }
      unsafe baseline_stamp(bytes, size, number)
      unsafe baseline_note_sent(page)
      try out!.send(unsafe Span(_unsafeStart: bytes, count: size))
    }
    return 0
  }

  fileprivate mutating func receiveAsleep(_ context: ExchangeContext, _ count: UInt64) throws -> Int32 {
    let (size, tally, samples, page) = unsafe (
      self.size, context.tally, context.samples, context.page.pointer
    )
    for index in 0..<Int(count) {
      unsafe baseline_about_to_sleep(page, tally.pointee.next.0)
      let right = try into!.receive { unsafe Self.check($0, tally, size) }
      if !right { return Int32(baseline_damaged) }
      unsafe samples[index] = baseline_now() - baseline_sent(page)
    }
    return 0
  }
}
