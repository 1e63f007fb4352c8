#if THREAD_SANITIZER
  /// State that threads share, and the lock that protects it, as ThreadSanitizer understands it.
  ///
  /// The sanitizer knows pthread_mutex_lock(3), but not the standard library's `Mutex`, which code that isn't instrumented
  /// acquires and releases: it would report everything that one protects. Only `make sanitize-thread` builds this one.
  ///
  /// System calls: futex(2), if the lock is held.
  @safe package struct Locked<Value: ~Copyable>: ~Copyable, @unchecked Sendable {
    private let lock = Lock()
    private let value: UnsafeMutablePointer<Value>

    package init(_ value: consuming sending Value) {
      unsafe self.value = .allocate(capacity: 1)
      unsafe self.value.initialize(to: value)
    }

    deinit {
      unsafe value.deinitialize(count: 1)
      unsafe value.deallocate()
    }

    package borrowing func withLock<Result: ~Copyable, Failure: Error>(
      _ body: (inout sending Value) throws(Failure) -> sending Result
    ) throws(Failure) -> sending Result {
      lock.acquire()
      defer { lock.release() }
      return unsafe try body(&value.pointee)
    }
  }
#else
  package import Synchronization

  /// State that threads share, and the lock that protects it: the standard library's `Mutex`, except where ThreadSanitizer
  /// looks on.
  package typealias Locked<Value: ~Copyable> = Mutex<Value>
#endif
