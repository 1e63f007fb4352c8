/// What a scheduler is doing.
public struct SchedulerSnapshot: Sendable, Hashable {
  /// One processor.
  public struct Processor: Sendable, Hashable {
    /// Whether a thread uses it.
    public enum State: Sendable, Hashable {
      /// No thread has it.
      case idle
      /// A thread runs tasks with it.
      case running
      /// Its thread is in a call that blocks; another may take it.
      case inSystemCall
    }
    /// Whether a thread uses it.
    public let state: State
    /// Tasks that are ready in its own queue.
    public let waiting: Int
  }

  /// In their order.
  public let processors: [Processor]
  /// Threads that run a task.
  public let running: Int
  /// Threads that look for work.
  public let spinning: Int
  /// Threads that sleep until there is work.
  public let parked: Int
  /// Threads in a call that blocks.
  public let blocked: Int
  /// Tasks that are ready in the global queue.
  public let waiting: Int
}
