/// What a select can wait for beside channels between tasks: a channel to another process.
///
/// When it wakes a select, another process may take the message before the select tries. So it only wakes the
/// select, which then tries every case again.
package protocol SelectSource: AnyObject {
  /// Carries out the case if it is ready.
  func attempt() -> Bool
  /// Wakes `waker` when an attempt may succeed; at once if it may succeed now.
  func register(_ waker: SelectWaker)
  /// Wakes it no more.
  func unregister(_ waker: SelectWaker)
}

/// Wakes a waiting task, once.
package final class SelectWaker: Sendable {
  private let waiter: ChannelWaiter
  private let index: Int

  init(_ waiter: ChannelWaiter, _ index: Int) {
    self.waiter = waiter
    self.index = index
  }

  /// Wakes the task. False: something else has woken it.
  @discardableResult package func wake() -> Bool {
    guard waiter.claim(index) else { return false }
    waiter.resume()
    return true
  }

  /// Waits until an attempt of `source` may succeed.
  /// - Throws: `CancellationError`.
  package nonisolated(nonsending) static func wait(for source: any SelectSource) async throws {
    let waiter = ChannelWaiter()
    let waker = SelectWaker(waiter, 0)
    // The source is used by this task only, which waits meanwhile.
    nonisolated(unsafe) let source = source
    await withTaskCancellationHandler {
      unsafe await withUnsafeContinuation { continuation in
        unsafe waiter.prepare(continuation)
        if waiter.park() { unsafe source.register(waker) } else { waiter.resume() }
      }
    } onCancel: {
      waiter.cancel()
    }
    guard waiter.isCancelled else { return }
    unsafe source.unregister(waker)
    throw CancellationError()
  }
}

/// A case of a select that a source carries out.
package final class SourceArm<Outcome>: SelectArm<Outcome> {
  private let body: () async throws -> Outcome
  private let source: any SelectSource
  private var waker: SelectWaker?

  /// - Parameter body: runs after the source has carried it out.
  package init(_ source: any SelectSource, _ body: @escaping () async throws -> Outcome) {
    self.source = source
    self.body = body
    super.init(nil)
  }

  @usableFromInline override nonisolated(nonsending) func finish() async throws -> Outcome {
    try await body()
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
