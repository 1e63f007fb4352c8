/// Something else that a select can wait for: a channel to another process.
///
/// It can't promise, as a channel between tasks can, that what it woke a select for is still there when the select looks:
/// another process may have been quicker. So it only wakes, and the select tries everything again.
package protocol SelectSource: AnyObject {
  /// Does what the case is to do, if it can be done now.
  func attempt() -> Bool
  /// Calls `waker` when an attempt may succeed; at once, if that is so by now.
  func register(_ waker: SelectWaker)
  /// Calls it no more.
  func unregister(_ waker: SelectWaker)
}

/// Wakes a task that waits, once.
package final class SelectWaker: Sendable {
  private let waiter: ChannelWaiter
  private let index: Int

  init(_ waiter: ChannelWaiter, _ index: Int) {
    self.waiter = waiter
    self.index = index
  }

  /// False: it is awake already, for another reason.
  @discardableResult package func wake() -> Bool {
    guard waiter.claim(index) else { return false }
    waiter.resume()
    return true
  }

  /// Waits until `source` may be able to do what it is to do.
  /// - Throws: `CancellationError`.
  package nonisolated(nonsending) static func wait(for source: any SelectSource) async throws {
    let waiter = ChannelWaiter()
    let waker = SelectWaker(waiter, 0)
    try await waiter.wait {
      source.register(waker)
      return true
    } unregister: {
      source.unregister(waker)
    }
  }
}

/// A case of a select that is done by a source.
package final class SourceArm<Outcome>: SelectArm<Outcome> {
  private let source: any SelectSource
  private var waker: SelectWaker?

  /// - Parameter body: runs when the source has done it.
  package init(_ source: any SelectSource, _ body: @escaping () async throws -> Outcome) {
    self.source = source
    super.init(nil, body: body)
  }

  override var onlyWakes: Bool { true }
  override func attempt() -> Bool { source.attempt() }

  override func register(_ waiter: ChannelWaiter, _ index: Int) {
    let waker = SelectWaker(waiter, index)
    self.waker = waker
    source.register(waker)
  }

  override func unregister() {
    if let waker { source.unregister(waker) }
    waker = nil
  }
}
