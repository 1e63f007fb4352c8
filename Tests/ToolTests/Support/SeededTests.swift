import Benchmarking
import SystemCalls

extension SeededRandom {
  /// Another seed in each run, printed: a run that fails can be run again with `IPC_TEST_SEED`.
  static func printed(_ what: String = #function) -> SeededRandom {
    let given = Processes.variable("IPC_TEST_SEED").flatMap { UInt64($0) }
    let seed = given ?? .random(in: 1 ... .max)
    print("\(what): IPC_TEST_SEED=\(seed)")
    return SeededRandom(seed: seed)
  }

  /// Values of all sizes, small ones as often as large ones.
  mutating func values(_ count: Int) -> [UInt64] {
    (0..<count).map { _ in next() >> (next() % 64) }
  }
}
