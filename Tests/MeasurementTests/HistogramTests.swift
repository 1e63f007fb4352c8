import Measurement
import TestSupport
import Testing

/// A histogram answers almost what a sorted array would.
@Suite(.serialized, .watched) struct HistogramTests {
  private static let fractions = [0.0, 0.001, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999, 1.0]

  /// Values of all sizes, the same in each run.
  private func values(_ count: Int, seed: UInt64, bits: UInt64) -> [UInt64] {
    var state = seed
    return (0..<count).map { _ in
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      let size = (state >> 58) % bits
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return (state >> 1) >> (62 - size)
    }
  }

  private func check(_ histogram: Histogram, _ values: [UInt64]) {
    let sorted = values.sorted()
    #expect(histogram.count == sorted.count)
    #expect(histogram.max == sorted.last)
    #expect(histogram.min == sorted.first)
    for fraction in Self.fractions {
      let rank = max(1, Int((fraction * Double(sorted.count)).rounded(.up)))
      let exact = Double(sorted[rank - 1])
      let found = Double(histogram.percentile(fraction))
      #expect(abs(found - exact) <= exact * 0.002, "\(fraction): \(found) for \(exact)")
    }
  }

  @Test(arguments: [1, 2, 10, 1000, 20_000], [10, 20, 40, 60] as [UInt64])
  func percentilesAreThoseOfASortedArray(_ count: Int, _ bits: UInt64) {
    let values = values(count, seed: 99 &+ bits, bits: bits)
    var histogram = Histogram()
    for value in values { histogram.record(value) }
    check(histogram, values)
  }

  @Test func twoAddUp() {
    let small = values(5000, seed: 1, bits: 12)
    let large = values(3000, seed: 2, bits: 45)
    for (first, second) in [(small, large), (large, small)] {
      var sum = Histogram()
      for value in first { sum.record(value) }
      var other = Histogram()
      for value in second { other.record(value) }
      sum.add(other)
      check(sum, first + second)
    }
  }

  @Test func smallValuesAreExact() {
    var histogram = Histogram()
    for value in 0..<1000 as Range<UInt64> { histogram.record(value) }
    #expect(histogram.percentile(0.5) == 499)
    #expect(histogram.percentile(1) == 999)
    #expect(histogram.percentile(0) == 0)
  }

  @Test func edgesOfBucketsAreInThem() {
    for exponent in 9..<63 as Range<UInt64> {
      let power: UInt64 = 1 << exponent
      for value in [power - 1, power, power + 1] {
        var histogram = Histogram()
        histogram.record(value)
        // The maximum bounds the bucket.
        #expect(histogram.percentile(0.5) == value)
        histogram.record(.max)
        let found = histogram.percentile(0.5)
        #expect(found >= value)
        #expect(Double(found - value) <= Double(value) * 0.002, "\(found) for \(value)")
      }
    }
  }

  @Test func theLargestValueCanBeCounted() {
    var histogram = Histogram()
    histogram.record(1)
    histogram.record(.max)
    #expect(histogram.percentile(1) == .max)
    #expect(histogram.percentile(0.5) == 1)
  }

  @Test func nothingCountedIsNothing() {
    var histogram = Histogram()
    #expect(histogram.percentile(0.5) == 0)
    #expect(histogram.count == 0)
    histogram.add(Histogram())
    #expect(histogram.percentile(1) == 0)
    var other = Histogram()
    other.record(5)
    histogram.add(other)
    #expect(histogram.percentile(1) == 5)
    #expect(histogram.min == 5)
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
