/// How often each value came, in buckets that are never wider than a thousandth of the value: log-linear, as in
/// HdrHistogram. Its size doesn't depend on how much it counts, and two of them add up exactly.
package struct Histogram: Sendable {
  /// Buckets per power of two.
  private static let bits = 10
  private var counts: [UInt32]
  package private(set) var count = 0
  package private(set) var max: UInt64 = 0
  package private(set) var min: UInt64 = .max

  package init() { counts = [] }

  private static func index(_ value: UInt64) -> Int {
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

  package mutating func record(_ value: UInt64) {
    let index = Self.index(value)
    if index >= counts.count { counts += [UInt32](repeating: 0, count: index + 1 - counts.count) }
    counts[index] &+= 1
    count += 1
    max = Swift.max(max, value)
    min = Swift.min(min, value)
  }

  /// How often each bucket was hit, by its number: what another process needs to add this up exactly.
  package var buckets: [Int: UInt32] {
    Dictionary(
      uniqueKeysWithValues: counts.enumerated().lazy.filter { $0.element > 0 }.map { ($0.offset, $0.element) }
    )
  }

  /// Adds what another process has recorded. Buckets that no histogram has are left out.
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

  package mutating func add(_ other: Histogram) {
    if other.counts.count > counts.count {
      counts += [UInt32](repeating: 0, count: other.counts.count - counts.count)
    }
    for (index, number) in other.counts.enumerated() { counts[index] &+= number }
    count += other.count
    max = Swift.max(max, other.max)
    min = Swift.min(min, other.min)
  }

  /// The value that `fraction` of all are at or under; 0 when nothing was counted.
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
