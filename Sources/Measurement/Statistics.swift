/// A median and its 95 % confidence interval.
package struct Estimate: Sendable, Codable, Hashable {
  package var median: Double
  package var low: Double
  package var high: Double

  package init(median: Double, low: Double, high: Double) {
    self.median = median
    self.low = low
    self.high = high
  }

  /// Half the interval's width, as a fraction of the median.
  package var spread: Double { median == 0 ? 0 : (high - low) / 2 / median }
}

/// Medians and their confidence intervals.
package enum Statistics {
  /// The middle value, or the mean of the two middle ones; 0 where there are none.
  package static func median(_ values: [Double]) -> Double {
    guard !values.isEmpty else { return 0 }
    let sorted = values.sorted()
    let middle = sorted.count / 2
    return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
  }

  /// How many samples the bootstrap draws.
  private static let resamples = 2000
  /// The probability that lies outside a 95 % interval, on each side.
  private static let tail = 0.025

  /// The median and its bootstrap interval (percentile method; Efron 1979): the values are drawn again and again with
  /// replacement. The seed determines the draws, so the same values have the same interval.
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
      median: middle, low: medians[Int(Double(resamples) * tail)],
      high: medians[Int((Double(resamples) * (1 - tail)).rounded(.up)) - 1])
  }
}
