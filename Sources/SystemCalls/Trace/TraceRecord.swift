/// One event of a trace, as it lies in the ring of its process: 64 bytes. `Tracing.md` has the format.
@frozen package struct TraceRecord: BitwiseCopyable, Sendable {
  /// Its position in the ring, counted from 1, once it is whole.
  package var state: UInt64 = 0
  /// CLOCK_MONOTONIC, in nanoseconds.
  package var time: UInt64 = 0
  /// The thread that recorded it: gettid(2).
  package var thread: UInt32 = 0
  /// A ``TraceKind``.
  package var kind: UInt8 = 0
  /// The number of a ``SystemCall``; of a text, how many bytes it has.
  package var call: UInt8 = 0
  /// ``Flags``.
  package var flags: UInt16 = 0
  /// A descriptor, an id, the number of an endpoint, a job, a thread or a processor.
  package var object: Int32 = 0
  /// An errno, or a second number.
  package var other: Int32 = 0
  /// A size in bytes: what a call was asked to move, or a message's.
  package var size: Int64 = 0
  /// A call's result; a message's number.
  package var value: Int64 = 0
  /// A call's further argument: ``CallSubject/detail``.
  package var detail: UInt64 = 0
  /// Spare.
  package var more: UInt64 = 0

  package init() {}

  package struct Flags: OptionSet, Sendable {
    package let rawValue: UInt16
    package init(rawValue: UInt16) { self.rawValue = rawValue }
    /// The next record of this thread carries on with text.
    package static let text = Flags(rawValue: 1 << 0)
    /// The call may sleep.
    package static let waits = Flags(rawValue: 1 << 1)
    /// The thread slept in the call.
    package static let slept = Flags(rawValue: 1 << 2)
    /// The kind of what a call works on, a ``CallSubject/Kind``: 3 bits.
    package static let subjectShift: UInt16 = 8
  }

  /// How many bytes of text one record holds, behind `state`, `time`, `thread`, `kind`, `call` and `flags`.
  package static let textBytes = 40
  package static let textOffset = 24
  package static let bytes = 64
}

/// What a record says. The raw values are part of the format.
package enum TraceKind: UInt8, Sendable, CaseIterable {
  /// Text of the record before it.
  case text = 1
  /// The thread's first record; the text is its name.
  case thread = 2
  /// A descriptor is used for the first time; the text says what it is: `pipe:[1234]`. `object`: its number.
  case descriptor = 3
  /// A call begins. `call`, `object`, `size`, `detail`.
  case callBegins = 4
  /// The thread's call has ended. `value`: its result; `other`: its errno or 0.
  case callEnds = 5
  /// An endpoint is there. `object`: its number in this process; `other`: 0 a sender, 1 a receiver; the text: the mechanism, the
  /// address and the kernel objects, with tabs between.
  case opened = 6
  /// An endpoint is closed, or passed on (`other` 1).
  case closed = 7
  /// A message was sent: `object` the endpoint, `value` its number from 1, `size` its bytes, `detail` the sender's number in
  /// frames. The text, where asked for: its first bytes.
  case sent = 8
  /// A message was received; the fields as of ``sent``.
  case received = 9
  /// A ring's tail moved: `object` the endpoint, `value` the tail, `size` the bytes published.
  case published = 10
  /// A ring's head moved, as the sender sees it.
  case consumed = 11
  /// The last process at the other side of a channel has died or closed. `object`: the descriptor that told it.
  case peerGone = 12
  /// A job was given to a worker: `value` the job, `object` the worker's process, `other` how often it was leased before.
  case jobLeased = 13
  /// A worker answered a job, or has failed it (`other` 1).
  case jobAnswered = 14
  /// A worker begins and ends a job, in the worker's process.
  case jobBegins = 15
  case jobEnds = 16
  /// An actor is called: `value` the call's number; the text is the function. `other` 1: in the process that has the actor.
  case actorCalled = 17
  /// An actor's call is answered; `other` as above.
  case actorAnswered = 18
  /// A task (G), or a function that runs in turns, gets a thread: `value` says which task, `object` the thread's number (M),
  /// `other` the processor (P); -1: none.
  case taskRuns = 19
  /// It gives its thread up: it has ended, or waits.
  case taskStops = 20
  /// A scheduler's thread (M) changes its state: `object` its number, `other` the state.
  case threadState = 21
  /// A scheduler's processor (P) changes its state: `object` its number, `other` the state.
  case processorState = 22
  /// A value was sent on a channel within the process: `value` the channel, `size` the value's number in it, `detail` the task.
  case localSent = 23
  /// It was received.
  case localReceived = 24
  /// What the program says of itself, as text.
  case note = 25
  /// The process called exit(3), or stopped recording.
  case ended = 26
  /// The process has waited for a child that has ended: `object` its id, `value` its exit code, `other` the signal that killed it
  /// or 0.
  case childEnded = 27
}
