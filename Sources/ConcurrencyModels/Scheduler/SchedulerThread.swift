import Synchronization
import SystemCalls

/// M: a thread of a scheduler. With a processor it runs jobs; without one it is in a task's call that blocks, or
/// waits for a processor.
@safe final class SchedulerThread: @unchecked Sendable {
  enum State: Int { case running, spinning, parked, blocked }

  let scheduler: Scheduler
  let number: Int
  /// Used by its own thread only; while the thread is parked, by the thread that wakes it.
  var processor: Processor?
  private let stateWord = Atomic<Int>(State.running.rawValue)
  private let parking = Parking()
  /// Not 0 while a trace is recorded, or calls are timed.
  let hooks = unsafe Tracer.hookWord
  /// Whether a parked thread ends when it is woken.
  var shouldEnd = false

  init(_ scheduler: Scheduler, _ number: Int) {
    self.scheduler = scheduler
    self.number = number
  }

  var state: State {
    get { State(rawValue: stateWord.load(ordering: .relaxed)) ?? .running }
    set {
      if unsafe hooks.pointee != 0, newValue != state { TaskTrace.thread(number, "\(newValue)") }
      stateWord.store(newValue.rawValue, ordering: .relaxed)
    }
  }

  /// Waits until ``unpark()``.
  func park() { parking.wait() }
  func unpark() { parking.signal() }

  /// The record of the calling thread; nil: it isn't a scheduler's.
  static var current: SchedulerThread? {
    guard let pointer = unsafe Threads[.schedulerThread] else { return nil }
    return unsafe Unmanaged<SchedulerThread>.fromOpaque(pointer).takeUnretainedValue()
  }

  /// Starts the thread, which runs jobs until the scheduler is closed.
  func start() throws(SystemError) {
    try Threads.start(name: "ipc-m\(number)") { [self] in
      unsafe Threads[.schedulerThread] = Unmanaged.passUnretained(self).toOpaque()
      scheduler.runJobs(on: self)
      unsafe Threads[.schedulerThread] = nil
    }
  }
}

/// What a thread sleeps on until another thread signals. futex(2)
@safe final class Parking: @unchecked Sendable {
  private let memory: UnsafeMutableRawBufferPointer
  private let word: SharedWord

  init() {
    unsafe memory = .allocate(byteCount: 64, alignment: 64)
    unsafe memory.initializeMemory(as: UInt8.self, repeating: 0)
    word = unsafe SharedWord(memory, at: 0)
  }

  deinit { unsafe memory.deallocate() }

  func wait() { while !word.compareExchange(1, 0) { word.futexWait(while: 0, nanoseconds: nil) } }

  func signal() {
    word.store(1)
    word.futexWake()
  }
}
