import SystemCalls

/// The callbacks that are due on this thread. A callback that makes others due doesn't call them itself: they are
/// called when it has returned, so that a chain of a million futures needs no deeper stack than one future.
@safe final class ReadyCallbacks {
  private var waiting: [() -> Void] = []

  /// Calls them now or, inside of another callback, after it.
  static func call(_ callbacks: [() -> Void]) {
    if callbacks.isEmpty { return }
    if let pointer = unsafe Threads[.callbacks] {
      unsafe Unmanaged<ReadyCallbacks>.fromOpaque(pointer).takeUnretainedValue().waiting += callbacks
      return
    }
    let ready = ReadyCallbacks()
    ready.waiting = callbacks
    unsafe Threads[.callbacks] = unsafe Unmanaged.passUnretained(ready).toOpaque()
    while !ready.waiting.isEmpty {
      let now = ready.waiting
      ready.waiting = []
      for callback in now { callback() }
    }
    unsafe Threads[.callbacks] = nil
    withExtendedLifetime(ready) {}
  }
}
