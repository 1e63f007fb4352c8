import TestSupport
import Testing

@testable import Measurement

@Suite struct RankingTests {
  @Test("the p-value is the share of sign patterns that are as extreme")
  func signFlip() {
    // Of the 8 patterns of three equal differences, two are as far from 0: all plus, and all minus.
    #expect(Ranking.signFlip([1, 1, 1], seed: 1).p == 0.25)
    #expect(Ranking.signFlip([1, 2, 3, 4], seed: 1).p == 2.0 / 16)
    // 1 - 1 = 0: every pattern is as far.
    #expect(Ranking.signFlip([1, -1], seed: 1).p == 1)
    #expect(Ranking.signFlip([0.1, 0.1, 0.1, -0.1], seed: 1).p == 10.0 / 16)
    #expect(Ranking.signFlip([], seed: 1).p == 1)
    #expect(Ranking.signFlip([-2, -2], seed: 1).mean == -2)
    // Patterns that are drawn: 20 equal differences have a p-value of about 2 in a million.
    #expect(Ranking.signFlip(Array(repeating: 1, count: 20), seed: 1).p <= 2.0 / 8192)
    let even = (0..<20).map { $0 % 2 == 0 ? 1.0 : -1.0 }
    #expect(Ranking.signFlip(even, seed: 1).p == 1)
  }

  private func noisy(_ base: Double, _ noise: Double, _ repeats: Int, _ random: inout SeededRandom)
    -> [Double]
  {
    (0..<repeats).map { _ in base * (1 + noise * (Double(random.next() >> 11) / Double(1 << 53) - 0.5)) }
  }

  @Test func whatIsFarApartIsRanked() {
    var random = SeededRandom.printed()
    let values = [30.0, 10, 20].map { noisy($0, 0.1, 12, &random) }
    let ranking = Ranking(values, seed: 1)
    #expect(ranking.groups == [[1], [2], [0]])
    #expect(ranking.places == [1: 1, 2: 2, 0: 3])
  }

  @Test func whatIsAlikeIsTied() {
    var random = SeededRandom.printed()
    let values = [10.0, 10, 40, 10].map { noisy($0, 0.2, 12, &random) }
    let groups = Ranking(values, seed: 1).groups
    #expect(groups.last == [2])
    #expect(groups.dropLast().flatMap { $0 }.sorted() == [0, 1, 3])
    #expect(Ranking([[1, 2, 3]], seed: 1).groups == [[0]])
    #expect(Ranking([], seed: 1).groups.isEmpty)
  }

  /// Three repeats can't tell anything apart, however far it is: two of the eight patterns are as extreme.
  @Test func fewRepeatsClaimNothing() {
    #expect(Ranking([[1, 1, 1], [100, 100, 100]], seed: 1).isOneTie)
    #expect(Ranking([[1], [100]], seed: 1).isOneTie)
    #expect(Ranking([[1, 2], [3, 4], [5, 6]], seed: 1).groups == [[0, 1, 2]])
  }

  @Test func howManyRepeatsItTakes() {
    #expect(Ranking.leastRepeats(1) == 1)
    for contestants in 2...12 {
      let least = Ranking.leastRepeats(contestants)
      // As far apart as can be.
      func ranked(_ repeats: Int) -> Ranking {
        Ranking((0..<contestants).map { Array(repeating: Double(1 + $0 * 100), count: repeats) }, seed: 1)
      }
      #expect(ranked(least).groups.count == contestants)
      #expect(ranked(least - 1).isOneTie)
    }
  }

  /// The order is by the median; noise that all share doesn't hide a difference, since a repeat's values are compared.
  @Test func noiseThatAllShareIsNoMatter() {
    var random = SeededRandom.printed()
    let shared = noisy(1, 1.5, 12, &random)
    let values = [1.0, 1.1].map { factor in shared.map { $0 * factor } }
    #expect(Ranking(values, seed: 1).groups == [[0], [1]])
  }

  /// A wrong order is claimed in at most 5 % of runs of things that are alike.
  @Test func wrongClaimsAreRare() {
    var random = SeededRandom.printed()
    let runs = 400
    let wrong = (0..<runs).count { _ in
      !Ranking((0..<4).map { _ in noisy(10, 0.5, 10, &random) }, seed: 1).isOneTie
    }
    // 5 % of 400 are 20; more than 40 happens once in a million such tests.
    #expect(wrong <= 40)
  }
}
