import CBaseline
import IPC
import Synchronization
import SystemCalls

/// How fast this machine is at the moment, in one figure: a round trip of a cache line between two CPUs. Figures that were
/// measured while it changed are doubtful.
package enum CacheLineProbe {
  private static let rounds: UInt64 = 20_000

  /// The memory of one probe, which its two threads share.
  @safe private final class Board: @unchecked Sendable {
    let pointer: UnsafeMutablePointer<baseline_board>
    /// What the first thread measured, once it has ended.
    let result = Locked<UInt64?>(nil)
    let ended = LocalEventCount()

    init() {
      unsafe pointer = .allocate(capacity: 1)
      unsafe pointer.initialize(to: baseline_board())
    }

    deinit { unsafe pointer.deallocate() }
  }

  /// In nanoseconds; nil where this process has one CPU only, or others are so busy that the two threads hardly run at the
  /// same time (each gives up after two seconds).
  package static func measure() -> Double? {
    let cpus = Processes.usableCPUs
    guard cpus.count > 1 else { return nil }
    let board = Board()
    do {
      try Threads.start(name: "ipc-probe-far") {
        _ = baseline_pin(Int32(cpus[1]))
        _ = unsafe baseline_cache_line_far(board.pointer, rounds)
      }
      try Threads.start(name: "ipc-probe-near") {
        _ = baseline_pin(Int32(cpus[0]))
        let took = unsafe baseline_cache_line_near(board.pointer, rounds)
        board.result.withLock { $0 = took }
        board.ended.eventCount.wake()
      }
    } catch {
      return nil
    }
    _ = try? board.ended.eventCount.wait(until: .never) { board.result.withLock { $0 != nil } }
    let took = board.result.withLock { $0 } ?? 0
    return took == 0 ? nil : Double(took) / Double(rounds)
  }
}
