import Benchmarking
import IPC
import TestSupport
import Testing

/// A plan's order follows from its seed.
@Suite(.serialized, .watched) struct BenchmarkPlanTests {
  private func plan(_ cases: Int, repeats: Int, seed: UInt64) -> BenchmarkPlan {
    let list = (0..<cases).map { BenchmarkCase(.throughput, .pipe, wait: .block, size: $0) }
    return BenchmarkPlan(
      cases: list, repeats: repeats, seconds: 0.1, cpus: [], raw: false, seed: seed, processArguments: [])
  }

  @Test func theOrderOfAPlanIsItsSeeds() {
    let order = plan(12, repeats: 5, seed: 1).order
    #expect(order == plan(12, repeats: 5, seed: 1).order)
    #expect(order != plan(12, repeats: 5, seed: 2).order)
    #expect(order.count == 5)
    // Each round measures everything once, in an order of its own.
    for round in order { #expect(round.sorted() == Array(0..<12)) }
    #expect(Set(order).count > 1)
  }

  @Test func morePlansThanOneBeginTheSame() {
    // A repeat more doesn't change the rounds before it.
    #expect(plan(9, repeats: 3, seed: 5).order == Array(plan(9, repeats: 7, seed: 5).order.prefix(3)))
    #expect(plan(1, repeats: 2, seed: 5).order == [[0], [0]])
  }
}
