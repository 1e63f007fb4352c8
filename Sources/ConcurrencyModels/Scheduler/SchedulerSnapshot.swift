/// What a ``Scheduler``'s threads and processors do at one moment.
public struct SchedulerSnapshot: Sendable, Hashable {
  /// One processor.
  public struct Processor: Sendable, Hashable {
    /// Whether a thread uses it.
    public enum State: Sendable, Hashable {
      /// No thread has the processor.
      case idle
      /// A thread with the processor runs tasks.
      case running
      /// The processor's thread is in a call that blocks; another thread may take the processor.
      case inSystemCall
    }
    /// Whether a thread uses it.
    public let state: State
    /// How many ready tasks its queue holds.
    public let waiting: Int
  }

  /// One entry for each processor, always in the same order.
  public let processors: [Processor]
  /// How many threads run a task.
  public let running: Int
  /// How many threads look for work.
  public let spinning: Int
  /// How many threads sleep until there is work.
  public let parked: Int
  /// How many threads are in a call that blocks.
  public let blocked: Int
  /// How many ready tasks the global queue holds.
  public let waiting: Int
}
