/// A log-linear histogram, as HdrHistogram: how often each value came, in buckets that are never wider than a
/// thousandth of the value.
///
/// Its size doesn't depend on how many values it counts, and the sum of two is exact.
package struct Histogram: Sendable {
  /// Each power of two has 2 to the power of this many buckets.
  @usableFromInline static var bits: Int { 10 }
  @usableFromInline var counts: [UInt32]
  @usableFromInline package internal(set) var count = 0
  @usableFromInline package internal(set) var max: UInt64 = 0
  @usableFromInline package internal(set) var min: UInt64 = .max

  @inlinable package init() { counts = [] }

  @inlinable static func index(_ value: UInt64) -> Int {
    if value < 1 << bits { return Int(value) }
    let exponent = 63 - value.leadingZeroBitCount
    let shift = exponent - bits
    return (shift + 1) << bits + Int(value >> UInt64(shift)) - 1 << bits
  }

  /// The largest value of a bucket.
  private static func upper(_ index: Int) -> UInt64 {
    if index < 1 << bits { return UInt64(index) }
    let shift = index >> bits - 1
    let base = UInt64(index & (1 << bits - 1) + 1 << bits)
    return (base + 1) << UInt64(shift) &- 1
  }

  /// Counts a value.
  @inlinable package mutating func record(_ value: UInt64) {
    let index = Self.index(value)
    if index >= counts.count { counts += [UInt32](repeating: 0, count: index + 1 - counts.count) }
    counts[index] &+= 1
    count += 1
    max = Swift.max(max, value)
    min = Swift.min(min, value)
  }

  /// The count of each bucket that isn't empty, by its index: what another process needs for an exact sum.
  package var buckets: [Int: UInt32] {
    Dictionary(
      uniqueKeysWithValues: counts.enumerated().lazy.filter { $0.element > 0 }.map { ($0.offset, $0.element) }
    )
  }

  /// Adds what another process has recorded. Ignores indices that no bucket has.
  package mutating func add(buckets: [Int: UInt32], min least: UInt64, max most: UInt64) {
    let last = Self.index(.max)
    for (index, number) in buckets where index >= 0 && index <= last {
      if index >= counts.count { counts += [UInt32](repeating: 0, count: index + 1 - counts.count) }
      counts[index] &+= number
      count += Int(number)
    }
    max = Swift.max(max, most)
    min = Swift.min(min, least)
  }

  /// Adds the counts of another histogram.
  package mutating func add(_ other: Histogram) {
    if other.counts.count > counts.count {
      counts += [UInt32](repeating: 0, count: other.counts.count - counts.count)
    }
    for (index, number) in other.counts.enumerated() { counts[index] &+= number }
    count += other.count
    max = Swift.max(max, other.max)
    min = Swift.min(min, other.min)
  }

  /// The value that this fraction of all values doesn't exceed; 0 if there are none.
  package func percentile(_ fraction: Double) -> UInt64 {
    guard count > 0 else { return 0 }
    let wanted = Swift.max(1, Int((fraction * Double(count)).rounded(.up)))
    var seen = 0
    for (index, number) in counts.enumerated() {
      seen += Int(number)
      if seen >= wanted { return Swift.min(Self.upper(index), max) }
    }
    return max
  }
}
