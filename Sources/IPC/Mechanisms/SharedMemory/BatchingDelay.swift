import SystemCalls

/// Lets a receiver fall a little behind a sender that streams. One that looks again after every message takes the
/// sender's cache line away each time, which costs both far more than the message; one that comes a moment later finds
/// many at once, and each costs a fraction.
///
/// Whether it is a stream can't be known, so it is tried: after a run of looks that each found next to nothing, one waits
/// a moment first. If that finds a heap, the following ones wait as well; if not, this was an exchange of question and
/// answer, which isn't delayed again for a long time.
struct Stride {
  /// Nanoseconds: some dozen small messages of a fast sender.
  private static let moment: UInt64 = 700
  /// More than this is a heap, in bytes.
  private static let heap = 1024
  private static let longestRun = 16
  private static let respite = 4096

  private let isUsed: Bool
  /// Looks in a row that found something, but little.
  private var run = 0
  private var respite = 0
  private var isPausing = false

  init(_ strategy: WaitStrategy) { isUsed = strategy != .spin && Processes.processorsOnline > 1 }

  @inline(__always) mutating func pause() {
    if isPausing { wait() }
  }

  @inline(never) private func wait() {
    let end = Clock.now() &+ Self.moment
    repeat {
      for _ in 0..<4 { CPU.pause() }
    } while Clock.now() < end
  }

  /// There were so many bytes to read.
  @inline(__always) mutating func found(_ bytes: Int) {
    if !isUsed { return }
    if isPausing {
      if bytes > Self.heap { return }
      isPausing = false
      respite = Self.respite
      run = 0
      return
    }
    if respite > 0 {
      respite -= 1
      return
    }
    if bytes > Self.heap {
      run = 0
      return
    }
    run += 1
    if run >= Self.longestRun { isPausing = true }
  }

  /// There was nothing: the sender is slower than this receiver.
  @inline(__always) mutating func foundNothing() {
    run = 0
    if isPausing {
      isPausing = false
      respite = Self.respite
    }
  }
}
