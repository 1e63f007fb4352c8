import CSystem
import Glibc

/// The library's own threads. They block every signal, so that the program's handlers run on its own threads.
package enum Threads {
  private final class Box {
    let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
  }

  /// Starts a detached thread: pthread_create(3).
  package static func start(name: String, _ body: @escaping @Sendable () -> Void) throws(SystemError) {
    var all = sigset_t()
    var before = sigset_t()
    unsafe sigfillset(&all)
    // The new thread inherits the mask; the calling one gets its own back.
    unsafe pthread_sigmask(SIG_SETMASK, &all, &before)
    defer { unsafe pthread_sigmask(SIG_SETMASK, &before, nil) }
    let box = unsafe Unmanaged.passRetained(
      Box {
        _ = unsafe csystem_name_this_thread(name)
        body()
      })
    var thread = pthread_t()
    do throws(SystemError) {
      try systemReturning(.pthreadCreate) {
        unsafe pthread_create(
          &thread, nil,
          { argument in
            let box = unsafe Unmanaged<Box>.fromOpaque(argument!).takeRetainedValue()
            box.body()
            return nil
          }, box.toOpaque())
      }
    } catch {
      unsafe box.release()
      throw error
    }
    pthread_detach(thread)
  }
}

extension Threads {
  /// The calling thread; never 0. pthread_self(3).
  @inline(__always) package static var current: UInt { pthread_self() }

  /// The pointers that each thread has of its own.
  package enum Slot: Int32, Sendable {
    /// The scheduler's record of the thread.
    case schedulerThread
    /// The callbacks that wait for the one that runs.
    case callbacks
    /// What a thread that receives calls of actors has to run.
    case actors
  }

  /// A pointer of the calling thread's own; nil until it is set.
  @unsafe package static subscript(slot: Slot) -> UnsafeMutableRawPointer? {
    get { unsafe csystem_thread_slot(slot.rawValue) }
    set { unsafe csystem_thread_slot_set(slot.rawValue, newValue) }
  }
}

/// A mutex that is acquired and released in different functions: pthread_mutex_lock(3).
@safe package final class Lock: @unchecked Sendable {
  private let raw: UnsafeMutablePointer<pthread_mutex_t>

  package init() {
    unsafe raw = .allocate(capacity: 1)
    unsafe raw.initialize(to: pthread_mutex_t())
    unsafe pthread_mutex_init(raw, nil)
  }

  deinit {
    unsafe pthread_mutex_destroy(raw)
    unsafe raw.deallocate()
  }

  package func acquire() { unsafe pthread_mutex_lock(raw) }
  package func release() { unsafe pthread_mutex_unlock(raw) }

  package func with<Result>(_ body: () throws -> Result) rethrows -> Result {
    acquire()
    defer { release() }
    return try body()
  }

  /// The place of this lock in the order in which several are acquired.
  package var order: UInt { UInt(bitPattern: unsafe raw) }
}

/// A mutex, and a wait for what other threads do while they hold it: pthread_cond_wait(3).
@safe package struct Condition: ~Copyable, @unchecked Sendable {
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  private let condition: UnsafeMutablePointer<pthread_cond_t>

  package init() {
    unsafe mutex = .allocate(capacity: 1)
    unsafe mutex.initialize(to: pthread_mutex_t())
    unsafe pthread_mutex_init(mutex, nil)
    unsafe condition = .allocate(capacity: 1)
    unsafe condition.initialize(to: pthread_cond_t())
    unsafe pthread_cond_init(condition, nil)
  }

  deinit {
    unsafe pthread_cond_destroy(condition)
    unsafe condition.deallocate()
    unsafe pthread_mutex_destroy(mutex)
    unsafe mutex.deallocate()
  }

  /// Calls `check` with the mutex held, and again after each ``broadcast()``, until it returns a value.
  package borrowing func wait<Result>(until check: () -> Result?) -> Result {
    unsafe pthread_mutex_lock(mutex)
    defer { unsafe pthread_mutex_unlock(mutex) }
    while true {
      if let result = check() { return result }
      unsafe pthread_cond_wait(condition, mutex)
    }
  }

  /// Wakes every thread that waits. What it waits for has changed before: a check that runs meanwhile is waited for, so that
  /// none misses it.
  package borrowing func broadcast() {
    unsafe pthread_mutex_lock(mutex)
    unsafe pthread_cond_broadcast(condition)
    unsafe pthread_mutex_unlock(mutex)
  }
}
