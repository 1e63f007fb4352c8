import SystemCalls

/// What a trace has of tasks: their turns on threads.
enum TaskTrace {
  /// A turn of a task, or of another function that runs in turns.
  /// - Parameters:
  ///   - hooks: `Tracer.hookWord`.
  ///   - task: a number that says which.
  ///   - thread: the scheduler's thread (M); -1 outside of a scheduler.
  ///   - processor: the scheduler's processor (P); -1: there is none.
  @inline(__always) static func turn(
    _ hooks: UnsafePointer<UInt32>, of task: UInt, thread: Int = -1, processor: Int = -1,
    _ body: () throws -> Void
  ) rethrows {
    guard unsafe hooks.pointee != 0 else { return try body() }
    begin(task, Int32(thread), Int32(processor))
    defer { end(task, Int32(thread)) }
    try body()
  }

  /// A scheduler's thread (M) changes its state.
  @inline(never) static func thread(_ number: Int, _ state: String) {
    Tracer.record(.threadState, object: Int32(number), text: words(state))
  }

  /// A scheduler's processor (P) changes its state.
  @inline(never) static func processor(_ number: Int, _ state: String) {
    Tracer.record(.processorState, object: Int32(number), text: words(state))
  }

  /// `inSystemCall` in words.
  private static func words(_ state: String) -> String {
    switch state {
    case "running": "runs"
    case "spinning": "looks for work"
    case "parked": "sleeps"
    case "blocked": "is in a call that blocks"
    case "idle": "is free"
    default: "is in a system call"
    }
  }

  @inline(never) private static func begin(_ task: UInt, _ thread: Int32, _ processor: Int32) {
    Tracer.record(
      .taskRuns, object: thread, other: processor, value: Int64(bitPattern: UInt64(task)))
  }

  @inline(never) private static func end(_ task: UInt, _ thread: Int32) {
    Tracer.record(.taskStops, object: thread, value: Int64(bitPattern: UInt64(task)))
  }
}

extension UnownedJob {
  /// The same for each job of a task, while the task lives: its address.
  var taskNumber: UInt { unsafe unsafeBitCast(self, to: UInt.self) }
}

/// The events of a channel between tasks, recorded under its lock.
@usableFromInline enum ChannelTrace {
  @usableFromInline static var isOn: Bool { Tracer.isOn }

  @usableFromInline static func sent(_ channel: UnsafeRawPointer, _ number: Int) {
    Tracer.record(.localSent, size: number, value: Int64(Int(bitPattern: channel)))
  }

  @usableFromInline static func received(_ channel: UnsafeRawPointer, _ number: Int) {
    Tracer.record(.localReceived, size: number, value: Int64(Int(bitPattern: channel)))
  }
}
