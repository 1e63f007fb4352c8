import Benchmarking
import IPC
import TestSupport
import Testing

extension AllToolTests {
  /// What a report claims rests on these: medians, their intervals, and an order that a seed brings back.
  @Suite(.serialized, .watched) struct StatisticsTests {
    // MARK: Medians

    @Test(
      arguments: [
        ([], 0), ([5], 5), ([9, 1], 5), ([3, 1, 2], 2), ([4, 1, 3, 2], 2.5), ([7, 7, 7, 1000], 7),
        ([-1, -3], -2),
      ] as [([Double], Double)]) func medians(_ values: [Double], _ expected: Double)
    {
      #expect(Statistics.median(values) == expected)
    }

    @Test func aMedianDoesNotDependOnTheOrder() {
      var random = SeededRandom.printed()
      for count in 1...40 {
        let values = (0..<count).map { _ in Double(random.next() % 1000) }
        #expect(Statistics.median(values) == Statistics.median(values.shuffled(using: &random)))
        // As many on each side.
        let middle = Statistics.median(values)
        #expect(values.count { $0 < middle } <= count / 2)
        #expect(values.count { $0 > middle } <= count / 2)
      }
    }

    // MARK: Intervals

    @Test func theSameFiguresHaveTheSameInterval() {
      var random = SeededRandom.printed()
      for count in [2, 3, 5, 8, 50] {
        let values = (0..<count).map { _ in Double(random.next() % 100_000) }
        let seed = random.next()
        #expect(Statistics.estimate(values, seed: seed) == Statistics.estimate(values, seed: seed))
      }
    }

    @Test func anIntervalHoldsItsMedianAndLiesAmongTheValues() {
      var random = SeededRandom.printed()
      for round in 0..<60 {
        let values = (0...(1 + round % 12)).map { _ in Double(random.next() % 1_000_000) + 1 }
        let estimate = Statistics.estimate(values, seed: random.next())
        #expect(estimate.median == Statistics.median(values))
        #expect(estimate.low <= estimate.median)
        #expect(estimate.median <= estimate.high)
        #expect(estimate.low >= values.min()!)
        #expect(estimate.high <= values.max()!)
        #expect(estimate.spread >= 0)
      }
    }

    @Test func whatDoesNotVaryHasNoInterval() {
      for values in [[42], [42, 42], [Double](repeating: 42, count: 9)] as [[Double]] {
        let estimate = Statistics.estimate(values, seed: 3)
        #expect(estimate == Estimate(median: 42, low: 42, high: 42))
        #expect(estimate.spread == 0)
      }
      let nothing = Statistics.estimate([], seed: 3)
      #expect(nothing == Estimate(median: 0, low: 0, high: 0))
      #expect(nothing.spread == 0)
    }

    /// More of the same noise makes the interval narrower; that is what repeats are for.
    @Test func moreRepeatsKnowTheMedianBetter() {
      var random = SeededRandom(seed: 11)
      func noise(_ count: Int) -> [Double] { (0..<count).map { _ in 1000 + Double(random.next() % 200) } }
      let few = Statistics.estimate(noise(5), seed: 1)
      let many = Statistics.estimate(noise(400), seed: 1)
      #expect(many.spread < few.spread)
      #expect(many.low <= 1110 && many.high >= 1090)
    }

    // MARK: Order

    @Test func aSeedBringsTheSameNumbersBack() {
      func numbers(_ seed: UInt64) -> [UInt64] {
        var random = SeededRandom(seed: seed)
        return (0..<100).map { _ in random.next() }
      }
      #expect(numbers(7) == numbers(7))
      #expect(numbers(7) != numbers(8))
      #expect(Set(numbers(0)).count == 100)
      // The first of splitmix64 from 0, as others have it: the order of an old report can be had again.
      #expect(numbers(0).first == 0xE220_A839_7B1D_CDAF)
    }

    private func plan(_ cases: Int, repeats: Int, seed: UInt64) -> BenchmarkPlan {
      let list = (0..<cases).map { BenchmarkCase(.throughput, .pipe, wait: .block, size: $0) }
      return BenchmarkPlan(
        cases: list, repeats: repeats, seconds: 0.1, cpus: [], raw: false, seed: seed, partArguments: [])
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

    // MARK: Histograms of other processes

    private func histogram(_ values: [UInt64]) -> Histogram {
      var histogram = Histogram()
      for value in values { histogram.record(value) }
      return histogram
    }

    private func expectEqual(_ one: Histogram, _ other: Histogram) {
      #expect(one.buckets == other.buckets)
      #expect(one.count == other.count)
      #expect(one.min == other.min)
      #expect(one.max == other.max)
      for fraction in [0, 0.001, 0.1, 0.5, 0.9, 0.999, 1] {
        #expect(one.percentile(fraction) == other.percentile(fraction))
      }
    }

    @Test func whatComesFromAnotherProcessAddsUpExactly() {
      var random = SeededRandom.printed()
      for round in 0..<12 {
        let first = random.values(round * 37 % 300)
        let second = random.values(1 + round * 31 % 500)
        // Whichever comes first, and into an empty one: as if one process had recorded all of it.
        for (mine, theirs) in [(first, second), (second, first)] where !theirs.isEmpty {
          var sum = histogram(mine)
          let other = histogram(theirs)
          sum.add(buckets: other.buckets, min: other.min, max: other.max)
          expectEqual(sum, histogram(first + second))
        }
      }
    }

    @Test func bucketsHoldEveryValueOnce() {
      var random = SeededRandom.printed()
      let values = random.values(2000) + [0, 0, .max, .max, .max]
      let buckets = histogram(values).buckets
      #expect(buckets.values.reduce(0) { $0 + Int($1) } == values.count)
      #expect(!buckets.values.contains(0))
      #expect(buckets[0] == UInt32(values.count { $0 == 0 }))
    }

    @Test func theLargestValueGoesOver() {
      let other = histogram([.max, 1, .max - 1])
      var sum = Histogram()
      sum.add(buckets: other.buckets, min: other.min, max: other.max)
      #expect(sum.percentile(1) == .max)
      #expect(sum.max == .max)
      #expect(sum.min == 1)
      #expect(sum.percentile(0) == 1)
    }

    /// A process that has gone mad must not make this one allocate, or trap.
    @Test func bucketsThatNoHistogramHasAreLeftOut() {
      var sum = histogram([5])
      sum.add(buckets: [-1: 3, .max: 4, .min: 1, 7: 2], min: 7, max: 7)
      #expect(sum.count == 3)
      #expect(sum.buckets == [5: 1, 7: 2])
    }
  }
}
