package import IPC
import Measurement

/// What one run measures, and how.
package struct BenchmarkPlan: Sendable {
  package var cases: [BenchmarkCase]
  /// Why cases that were asked for as a group are left out.
  package var leftOut: [String] = []
  /// How many times each case is measured, each time in fresh processes.
  package var repeats: Int
  /// How long each subject is measured in a repeat.
  package var seconds: Double
  /// The CPUs to which the processes are pinned, in turn; empty: none is pinned.
  package var cpus: [Int]
  /// The caller named the CPUs: pin also more processes than there are CPUs, several to one.
  package var pinsAll = false
  /// Whether the same exchange in plain C is measured too.
  package var raw: Bool
  package var seed: UInt64
  /// The arguments with which this program is started as a process of an exchange.
  package var processArguments: [String]
  /// Whether the cases are the quick set.
  package var isQuick = false

  package init(
    cases: [BenchmarkCase], repeats: Int, seconds: Double, cpus: [Int], raw: Bool, seed: UInt64,
    processArguments: [String]
  ) {
    self.cases = cases
    self.repeats = repeats
    self.seconds = seconds
    self.cpus = cpus
    self.raw = raw
    self.seed = seed
    self.processArguments = processArguments
  }

  /// The order of the cases in each round: all of them, shuffled.
  package var order: [[Int]] {
    var random = SeededRandom(seed: seed)
    return (0..<repeats).map { _ in cases.indices.shuffled(using: &random) }
  }
}

/// What the caller chose, from which the cases follow.
package struct BenchmarkChoice: Sendable {
  package var workloads: [Workload]
  package var mechanisms: [Mechanism]
  /// Whether they were named one by one: one that can't do it is an error, and not a note.
  package var mechanismsAreNamed: Bool
  package var sizes: [Int]
  /// Whether the caller gave the sizes: one that doesn't fit is an error, and not a note.
  package var sizesAreNamed: Bool
  package var waits: [WaitStrategy]
  package var modes: [SendMode]
  /// Whether the caller gave the modes: likewise.
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
  /// - Throws: why what was named one by one can't be done.
  package func cases() throws(BenchmarkError) -> (cases: [BenchmarkCase], leftOut: [String]) {
    var cases: [BenchmarkCase] = []
    var leftOut: [String] = []
    var seen: Set<BenchmarkCase> = []
    for workload in workloads {
      for mechanism in mechanisms {
        for wait in waits {
          for size in sizes {
            for mode in modes where mode == .each || workload.takesModes {
              var each = BenchmarkCase(
                workload, mechanism, wait: wait, size: size, mode: mode,
                processes: workload.takesProcesses ? processes : 2,
                rate: workload.takesRate || workloads.count == 1 ? rate : nil)
              // Tokens and integers have one size. Among others, they get theirs.
              if !sizesAreNamed, mechanism.traits.carries != .messages {
                each.size = mechanism.traits.carries == .tokens ? 0 : MemoryLayout<Int32>.size
              }
              guard let obstacle = each.obstacle else {
                if seen.insert(each).inserted { cases.append(each) }
                continue
              }
              // What was named one by one must be possible; of a group, what isn't is left out.
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
        .call, leftOut.first ?? "no case is left to measure: choose another size or mechanism")
    }
    return (cases, leftOut)
  }
}

/// Why a benchmark isn't possible, or failed.
package struct BenchmarkError: Error, Sendable, CustomStringConvertible {
  package enum Kind: Sendable {
    /// The call was wrong.
    case call
    /// The measurement failed: a message was lost, duplicated or damaged, or a process died.
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
