import Measurement
import TestSupport
import Testing

/// Medians and their intervals, on which every claim of a report rests.
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
}
