import CBaseline
import IPC

extension Workload {
  /// One sender, several receivers, each message to one of them.
  package static let fanOut: Workload = Workload(
    name: "fan-out", summary: "one sender, several receivers", topology: .manyReceivers, isInQuickSet: false,
    quickCases: { row in
      [BenchmarkCase(.fanOut, row.mechanism, wait: .block, size: row.size, processes: row.processes)]
    },
    overChannel: ExchangeLoops(
      send: { channel, _, run in try channel.send(run) },
      receive: { channel, context, _ in try channel.receiveUntilStopped(context) }),
    inPlainC: ExchangeLoops(
      send: { raw, _, run in unsafe baseline_send(raw.out, run.first, run.count, run.verifies) },
      receive: { raw, context, _ in unsafe baseline_receive_until_stopped(raw.into, context.tally) }))
}

extension ChannelExchange {
  /// A receiver doesn't know how many messages it gets: each takes one stop message.
  fileprivate mutating func receiveUntilStopped(_ context: ExchangeContext) throws -> Int32 {
    let (size, tally) = unsafe (self.size, context.tally)
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
}
