import SystemCalls

/// One thing that happened in a process that records a trace.
public struct TraceEvent: Sendable, Hashable {
  /// The process: getpid(2).
  public let process: Int32
  /// The thread: gettid(2).
  public let thread: UInt32
  /// When, on the monotonic clock of the machine (CLOCK_MONOTONIC), in nanoseconds: the same in every process of it.
  public let time: UInt64
  /// What.
  public let content: Content

  /// What happened.
  public enum Content: Sendable, Hashable {
    /// The thread's first event: its name.
    case thread(name: String)
    /// A descriptor is used for the first time. `object` says what it is, in the same words in every process that has it:
    /// `pipe:[1234]`, `unix:[17-18]`, `tcp:[127.0.0.1:4000-127.0.0.1:4001]`.
    case descriptor(number: Int32, object: String)
    /// A system call begins.
    case callBegins(Call)
    /// The thread's system call has ended.
    /// - `result`: what it returned; `errno`: 0, or why it failed; `slept`: whether the thread slept in it.
    case callEnds(Call, result: Int64, errno: Int32, slept: Bool)
    /// A sender or a receiver is there.
    case opened(Endpoint)
    /// An endpoint is closed here, or passed to a child.
    case closed(endpoint: Int32, passed: Bool)
    /// A message was sent: its number in its endpoint, from 1, and its size in bytes. `sender` is the sender's number in its
    /// frames, 0 where it has none; `payload` the first bytes, where they were asked for.
    case sent(endpoint: Int32, number: Int64, bytes: Int, sender: UInt32, payload: [UInt8])
    /// A message was received; the fields are those of `sent`.
    case received(endpoint: Int32, number: Int64, bytes: Int, sender: UInt32, payload: [UInt8])
    /// A ring's sender has published bytes, without a call: the tail is at `position`.
    case published(endpoint: Int32, position: UInt64, bytes: Int)
    /// A ring's receiver has given room back, without a call: the head is at `position`.
    case consumed(endpoint: Int32, position: UInt64, bytes: Int)
    /// The last process at the other side has died or closed; the descriptor that told it.
    case peerGone(descriptor: Int32)
    /// A job was given to a worker process. `number`: among those that this worker gets; `job`: among those that were submitted
    /// together, from 0; `before`: how many workers died with it.
    case jobLeased(number: Int64, job: Int, worker: Int32, before: Int)
    /// A worker has answered a job, or has failed it.
    case jobAnswered(number: Int64, job: Int, worker: Int32, failed: Bool)
    /// A worker begins a job. In the worker.
    case jobBegins(number: Int64)
    /// A worker has done a job. In the worker.
    case jobEnds(number: Int64)
    /// An actor is called: in the process that calls, and (`arrives`) in the one that has the actor.
    case actorCalled(call: Int64, function: String, arrives: Bool)
    /// A call of an actor is answered: where the actor is, and (`arrives`) where it was called.
    case actorAnswered(call: Int64, arrives: Bool)
    /// A task runs, on a thread of a scheduler (M) with a processor (P), or on a thread of another kind (-1).
    case taskRuns(task: UInt64, thread: Int32, processor: Int32)
    /// A task gives its thread up: it waits, or has ended.
    case taskStops(task: UInt64, thread: Int32)
    /// A scheduler's thread (M) changes its state.
    case threadState(thread: Int32, state: String)
    /// A scheduler's processor (P) changes its state.
    case processorState(processor: Int32, state: String)
    /// A value was sent on a channel within the process.
    case localSent(channel: UInt64, number: Int64, task: UInt64)
    /// A value was received from a channel within the process.
    case localReceived(channel: UInt64, number: Int64, task: UInt64)
    /// What the program says of itself: ``Trace/note(_:)``.
    case note(String)
    /// The process has called exit(3), or stopped recording.
    case ended
    /// A child has ended: with an exit code, or by a signal, where that isn't 0.
    case childEnded(child: Int32, code: Int32, signal: Int32)
  }

  /// A system call.
  public struct Call: Sendable, Hashable {
    /// The name of its man page: `writev`.
    public let name: String
    /// What it works on.
    public let subject: Subject
    /// How many bytes it is asked to move; 0 where it moves none.
    public let bytes: Int
    /// A further argument: the type of a message of a queue; the steps of a semop(2), packed (`Tracing.md`); how many
    /// descriptors poll(2) waits for.
    public let detail: UInt64
    /// Whether it may sleep.
    public let waits: Bool

    package init(name: String, subject: Subject, bytes: Int = 0, detail: UInt64 = 0, waits: Bool = false) {
      self.name = name
      self.subject = subject
      self.bytes = bytes
      self.detail = detail
      self.waits = waits
    }
  }

  /// What a system call works on.
  public enum Subject: Sendable, Hashable {
    /// Nothing that exists yet.
    case none
    /// A file descriptor.
    case descriptor(Int32)
    /// A System V message queue.
    case queue(Int32)
    /// A System V semaphore set.
    case semaphores(Int32)
    /// A System V shared memory segment.
    case segment(Int32)
    /// A process.
    case process(Int32)
    /// A word of memory at an address of this process, and the operation on it: 0 waits, 1 wakes.
    case word(UInt64, operation: Int32)
  }

  /// A sender or a receiver.
  public struct Endpoint: Sendable, Hashable {
    /// Its number in its process.
    public let number: Int32
    /// Whether it receives.
    public let isReceiver: Bool
    /// The channel's mechanism: `pipe`.
    public let mechanism: String
    /// The kernel's objects behind it, the one that carries the messages first: `fd:5`, `queue:3`, `semaphores:7`, `segment:2`,
    /// and `memory:ADDRESS+BYTES` for where the memory lies in this process.
    public let objects: [String]
    /// The sender's number in its frames; 0 where it has none.
    public let sender: UInt32

    package init(number: Int32, isReceiver: Bool, mechanism: String, objects: [String], sender: UInt32) {
      self.number = number
      self.isReceiver = isReceiver
      self.mechanism = mechanism
      self.objects = objects
      self.sender = sender
    }
  }

  package init(process: Int32, thread: UInt32, time: UInt64, content: Content) {
    self.process = process
    self.thread = thread
    self.time = time
    self.content = content
  }
}
