import SystemCalls

/// Callbacks that are due on this thread. One that makes others due doesn't call them: they are called when it has
/// returned, so that a chain of a million futures takes no more stack than one.
@safe final class ReadyCallbacks {
  private var waiting: [() -> Void] = []

  /// Calls them: now, or, inside of another callback, behind it.
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
