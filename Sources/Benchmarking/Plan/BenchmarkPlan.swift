package import IPC
import Measurement

/// Everything that one run measures, and how.
package struct BenchmarkPlan: Sendable {
  package var cases: [BenchmarkCase]
  /// What was asked for as a group and can't be done: said, and left out.
  package var leftOut: [String] = []
  /// Fresh processes so many times.
  package var repeats: Int
  /// How long each contestant of a repeat is measured.
  package var seconds: Double
  /// The CPUs of the parts, in turn; empty: wherever the kernel puts them.
  package var cpus: [Int]
  /// The caller named the CPUs: also more processes than CPUs go on them, several on one.
  package var pinsAll = false
  /// Also the same in plain C.
  package var raw: Bool
  package var seed: UInt64
  /// How the parts of a measurement are started: this program with these arguments.
  package var partArguments: [String]
  /// What the cases were made from, for the report.
  package var isQuick = false

  package init(
    cases: [BenchmarkCase], repeats: Int, seconds: Double, cpus: [Int], raw: Bool, seed: UInt64,
    partArguments: [String]
  ) {
    self.cases = cases
    self.repeats = repeats
    self.seconds = seconds
    self.cpus = cpus
    self.raw = raw
    self.seed = seed
    self.partArguments = partArguments
  }

  /// The cases of each round: all of them, in an order of its own.
  package var order: [[Int]] {
    var random = SeededRandom(seed: seed)
    return (0..<repeats).map { _ in cases.indices.shuffled(using: &random) }
  }
}

/// What the caller chose, before it is made into cases.
package struct BenchmarkChoice: Sendable {
  package var workloads: [Workload]
  package var mechanisms: [Mechanism]
  /// Named one by one, so that one that can't is an error and not a note.
  package var mechanismsAreNamed: Bool
  package var sizes: [Int]
  /// Sizes that the caller gave, so that one that doesn't fit is an error and not a note.
  package var sizesAreNamed: Bool
  package var waits: [WaitStrategy]
  package var modes: [SendMode]
  /// Modes that the caller gave, likewise.
  package var modesAreNamed: Bool
  package var processes: Int
  package var rate: Double?

  package init(
    workloads: [Workload], mechanisms: [Mechanism], mechanismsAreNamed: Bool, sizes: [Int],
    sizesAreNamed: Bool,
    waits: [WaitStrategy], modes: [SendMode], modesAreNamed: Bool = true, processes: Int, rate: Double?
  ) {
    self.workloads = workloads
    self.mechanisms = mechanisms
    self.mechanismsAreNamed = mechanismsAreNamed
    self.sizes = sizes
    self.sizesAreNamed = sizesAreNamed
    self.waits = waits
    self.modes = modes
    self.modesAreNamed = modesAreNamed
    self.processes = processes
    self.rate = rate
  }

  /// The cases, and what was left out and why.
  /// - Throws: the reason, where what was named one by one can't be done.
  package func cases() throws(BenchmarkError) -> (cases: [BenchmarkCase], leftOut: [String]) {
    var cases: [BenchmarkCase] = []
    var leftOut: [String] = []
    var seen: Set<BenchmarkCase> = []
    for workload in workloads {
      for mechanism in mechanisms {
        for wait in waits {
          for size in sizes {
            for mode in modes where mode == .each || workload == .throughput {
              var each = BenchmarkCase(
                workload, mechanism, wait: wait, size: size, mode: mode,
                processes: [.fanIn, .fanOut, .jobs].contains(workload) ? processes : 2,
                rate: workload == .latency || workloads.count == 1 ? rate : nil)
              // Tokens and integers have one size; asked for along with others, they get theirs.
              if !sizesAreNamed, mechanism.traits.carries != .messages {
                each.size = mechanism.traits.carries == .tokens ? 0 : 4
              }
              guard let obstacle = each.obstacle else {
                if seen.insert(each).inserted { cases.append(each) }
                continue
              }
              // What was named one by one was meant; the rest was asked of all, and some can't.
              let isNamed =
                mechanismsAreNamed
                || (sizesAreNamed && mechanism.traits.carries == .messages && mode == .each)
              if isNamed, workloads.count == 1, mode == .each || modesAreNamed {
                throw BenchmarkError(.call, obstacle)
              }
              if mode == .each || modesAreNamed, !leftOut.contains(obstacle) { leftOut.append(obstacle) }
            }
          }
        }
      }
    }
    guard !cases.isEmpty else {
      throw BenchmarkError(
        .call, leftOut.first ?? "nothing is left to measure: ask for another size or mechanism")
    }
    return (cases, leftOut)
  }
}

/// Why a benchmark can't be done, or failed.
package struct BenchmarkError: Error, Sendable, CustomStringConvertible {
  package enum Kind: Sendable {
    /// What was asked for can't be done.
    case call
    /// The measuring failed: a message was lost, doubled or damaged, a process died.
    case work
    case interrupted
  }

  package let kind: Kind
  package let description: String

  package init(_ kind: Kind, _ description: String) {
    self.kind = kind
    self.description = description
  }
}
