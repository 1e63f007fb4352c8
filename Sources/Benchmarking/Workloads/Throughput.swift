import CBaseline
import IPC

extension Workload {
  /// A stream one way.
  package static let throughput: Workload = Workload(
    name: "throughput", summary: "a stream one way", takesModes: true, comparesSizes: true,
    quickCases: { row in
      let large = BenchmarkCase.comparedSizes.suffix(2)
      return row.sizes.map { BenchmarkCase(.throughput, row.mechanism, wait: .block, size: $0) }
        + [BenchmarkCase(.throughput, row.mechanism, wait: .block, size: row.size, mode: .batched)]
        + large.map { BenchmarkCase(.throughput, row.mechanism, wait: .block, size: $0, mode: .inPlace) }
    },
    overChannel: ExchangeLoops(
      send: { channel, _, run in try channel.send(run) },
      receive: { channel, context, run in try channel.receive(context, run.count) }),
    inPlainC: ExchangeLoops(
      send: { raw, _, run in unsafe baseline_send(raw.out, run.first, run.count, run.verifies) },
      receive: { raw, context, run in unsafe baseline_receive(raw.into, context.tally, run.count) }))
}
