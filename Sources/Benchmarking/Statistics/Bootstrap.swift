/// A median, and the interval in which it lies with 95 % confidence.
package struct Estimate: Sendable, Codable, Hashable {
  package var median: Double
  package var low: Double
  package var high: Double

  package init(median: Double, low: Double, high: Double) {
    self.median = median
    self.low = low
    self.high = high
  }

  /// Half the interval's width, as a part of the median.
  package var spread: Double { median == 0 ? 0 : (high - low) / 2 / median }
}

package enum Statistics {
  package static func median(_ values: [Double]) -> Double {
    guard !values.isEmpty else { return 0 }
    let sorted = values.sorted()
    let middle = sorted.count / 2
    return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
  }

  static let resamples = 2000

  /// The bootstrap interval (percentile method; Efron 1979) of the median: the repeats are drawn again and again with
  /// replacement, from a seed, so that the same figures have the same interval.
  package static func estimate(_ values: [Double], seed: UInt64) -> Estimate {
    let middle = median(values)
    guard values.count > 1 else { return Estimate(median: middle, low: middle, high: middle) }
    var random = SeededRandom(seed: seed)
    var medians: [Double] = []
    medians.reserveCapacity(resamples)
    var sample = values
    for _ in 0..<resamples {
      for index in sample.indices { sample[index] = values[Int(random.next() % UInt64(values.count))] }
      medians.append(median(sample))
    }
    medians.sort()
    return Estimate(
      median: middle, low: medians[Int(Double(resamples) * 0.025)],
      high: medians[Int((Double(resamples) * 0.975).rounded(.up)) - 1])
  }
}
