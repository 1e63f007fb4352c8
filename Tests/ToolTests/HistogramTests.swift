import IPC
import TestSupport
import Testing

extension AllToolTests {
  /// A histogram says what a sorted array would, almost.
  @Suite(.watched) struct HistogramTests {
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
  }
}
