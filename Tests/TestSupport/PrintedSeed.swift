package import Measurement
import SystemCalls

extension SeededRandom {
  /// The seed in `IPC_TEST_SEED`, which repeats a run that failed, or a new one.
  package static func testSeed() -> UInt64 {
    Processes.variable("IPC_TEST_SEED").flatMap { UInt64($0) } ?? .random(in: 1 ... .max)
  }

  /// Numbers from ``testSeed()``, which it prints.
  package static func printed(_ what: String = #function) -> SeededRandom {
    let seed = testSeed()
    print("\(what): IPC_TEST_SEED=\(seed)")
    return SeededRandom(seed: seed)
  }

  /// Values of every magnitude, each magnitude as often as another.
  package mutating func values(_ count: Int) -> [UInt64] {
    (0..<count).map { _ in next() >> (next() % 64) }
  }

  /// Bytes of a random length within the range.
  package mutating func bytes(_ range: ClosedRange<Int>) -> [UInt8] {
    let count = Int.random(in: range, using: &self)
    return (0..<count).map { _ in UInt8.random(in: 0...255, using: &self) }
  }

  /// True once in `oneIn` times, on average.
  package mutating func chance(_ oneIn: Int) -> Bool { Int.random(in: 0..<oneIn, using: &self) == 0 }
}
