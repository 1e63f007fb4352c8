import SystemCalls

/// Lets a receiver fall a little behind a sender that streams. A receiver that looks again after every message takes
/// the sender's cache line away each time, which costs both far more than the message; one that comes a moment later
/// finds several at once, and each costs a fraction.
///
/// Whether the sender streams can't be known, so it is tried: after a run of looks that each found few bytes, one
/// look waits a moment first. If that finds many, the following looks wait as well; if not, this was an exchange of
/// question and answer, which isn't delayed again for a long time.
struct BatchingDelay {
  /// In nanoseconds: some dozen small messages of a fast sender.
  private static let moment: UInt64 = 700
  /// More bytes than this are many.
  private static let manyBytes = 1024
  private static let longestRun = 16
  /// Looks without a delay after one that didn't help.
  private static let undelayedLooks = 4096

  private let isUsed: Bool
  /// Looks in a row that found something, but little.
  private var run = 0
  private var undelayed = 0
  private var isDelaying = false

  init(_ strategy: WaitStrategy) { isUsed = strategy != .spin && Processes.processorsOnline > 1 }

  /// Call it before a look.
  @inline(__always) mutating func pause() {
    if isDelaying { wait() }
  }

  @inline(never) private func wait() {
    let end = Clock.now() &+ Self.moment
    repeat {
      for _ in 0..<4 { CPU.pause() }
    } while Clock.now() < end
  }

  /// The look found so many bytes.
  @inline(__always) mutating func found(_ bytes: Int) {
    if !isUsed { return }
    if isDelaying {
      if bytes > Self.manyBytes { return }
      stopDelaying()
      run = 0
      return
    }
    if undelayed > 0 {
      undelayed -= 1
      return
    }
    if bytes > Self.manyBytes {
      run = 0
      return
    }
    run += 1
    if run >= Self.longestRun { isDelaying = true }
  }

  /// The look found nothing: the sender is slower than this receiver.
  @inline(__always) mutating func foundNothing() {
    run = 0
    if isDelaying { stopDelaying() }
  }

  private mutating func stopDelaying() {
    isDelaying = false
    undelayed = Self.undelayedLooks
  }
}
