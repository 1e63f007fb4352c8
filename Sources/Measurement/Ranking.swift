import Glibc

/// Which of several things are told apart by what was measured, and which are tied.
///
/// Each pair is compared by a sign-flip test: if the two were alike, the difference in each repeat could as well have the other
/// sign (Fisher 1935). The p-values of all pairs are corrected by Holm's method (1979), so that the chance of a single wrong
/// order among them is at most 5 %. An order is claimed only where it holds for all: two groups are parted where everything in
/// front is told apart from everything behind.
package struct Ranking: Sendable, Equatable {
  /// The indices of what was ranked, from the smallest on. Those of a group are tied.
  package let groups: [[Int]]

  /// The chance of a wrong claim.
  private static let level = 0.05
  /// More repeats than this have too many sign patterns to try all; so many are drawn.
  private static let mostExactRepeats = 13
  private static let draws = 8192

  /// Ranks by the smallest value.
  /// - Parameters:
  ///   - values: for each contestant one value for each repeat; those of the same repeat were measured beside each other.
  ///   - seed: determines the sign patterns that are drawn.
  package init(_ values: [[Double]], seed: UInt64) {
    let order = values.indices.sorted {
      let (one, other) = (Statistics.median(values[$0]), Statistics.median(values[$1]))
      return one == other ? $0 < $1 : one < other
    }
    let isApart = Self.apart(values, seed)
    var groups: [[Int]] = []
    var current: [Int] = []
    for place in order.indices {
      current.append(order[place])
      let isCut =
        place + 1 < order.count
        && order[...place].allSatisfy { front in
          order[(place + 1)...].allSatisfy { isApart(front, $0) }
        }
      if isCut {
        groups.append(current)
        current = []
      }
    }
    if !current.isEmpty { groups.append(current) }
    self.groups = groups
  }

  /// The place of the group of each contestant, from 1.
  package var places: [Int: Int] {
    var places: [Int: Int] = [:]
    for (place, group) in groups.enumerated() { for index in group { places[index] = place + 1 } }
    return places
  }

  /// How many repeats it takes at least to tell anything apart among so many: of the sign patterns two are as extreme as what
  /// was measured, however clear that is.
  package static func leastRepeats(_ contestants: Int) -> Int {
    let pairs = Double(contestants * (contestants - 1) / 2)
    var repeats = 1
    while pairs * pow(2, 1 - Double(repeats)) > level { repeats += 1 }
    return repeats
  }

  /// Whether the first contestant is smaller than the second, by Holm's method over all pairs.
  private static func apart(_ values: [[Double]], _ seed: UInt64) -> (Int, Int) -> Bool {
    struct Pair: Hashable { let one: Int, other: Int }
    var tests: [(pair: Pair, p: Double)] = []
    for one in values.indices {
      for other in values.indices where one < other {
        let test = signFlip(zip(values[one], values[other]).map { ratio($0, $1) }, seed: seed)
        // By the sign of the mean: the smaller one comes first.
        tests.append((test.mean < 0 ? Pair(one: one, other: other) : Pair(one: other, other: one), test.p))
      }
    }
    tests.sort { $0.p < $1.p }
    var apart: Set<Pair> = []
    for (index, test) in tests.enumerated() {
      guard test.p * Double(tests.count - index) <= level else { break }
      apart.insert(test.pair)
    }
    return { apart.contains(Pair(one: $0, other: $1)) }
  }

  /// The logarithm of the ratio of two values, which doesn't depend on how large both are.
  private static func ratio(_ one: Double, _ other: Double) -> Double {
    let least = 1e-9
    return log(max(one, least)) - log(max(other, least))
  }

  /// The mean, and the share of all sign patterns whose mean is at least as far from 0.
  static func signFlip(_ differences: [Double], seed: UInt64) -> (mean: Double, p: Double) {
    let sum = differences.reduce(0, +)
    guard !differences.isEmpty else { return (0, 1) }
    let mean = sum / Double(differences.count)
    // Sums that differ by rounding alone are equal.
    let bound = sum.magnitude - 1e-12 * differences.reduce(0) { $0 + $1.magnitude }
    var extreme = 0
    let count: Int
    if differences.count <= mostExactRepeats {
      count = 1 << differences.count
      for pattern in 0..<count {
        var flipped = 0.0
        for (index, difference) in differences.enumerated() {
          flipped += pattern >> index & 1 == 1 ? -difference : difference
        }
        if flipped.magnitude >= bound { extreme += 1 }
      }
    } else {
      count = draws
      var random = SeededRandom(seed: seed)
      // The pattern that was measured is one of them.
      extreme = 1
      for _ in 1..<count {
        var flipped = 0.0
        for difference in differences { flipped += random.next() >> 63 == 1 ? -difference : difference }
        if flipped.magnitude >= bound { extreme += 1 }
      }
    }
    return (mean, Double(extreme) / Double(count))
  }

  /// Whether nothing is told apart from anything.
  package var isOneTie: Bool { groups.count <= 1 }
}
