/// A trace put in order: lanes, what happened in each, and what went from one to another. What the views draw.
package struct Timeline: Sendable, Equatable {
  /// A column: a process, or one of its threads where more than one did something.
  package struct Lane: Sendable, Equatable {
    package var process: Int32
    /// Nil: the whole process.
    package var thread: UInt32?
    /// "ipc demo pipe 1234", "worker 1236", "1234 ipc-m0".
    package var title: String
    /// The whole command line.
    package var command: String
    package var begin: UInt64
    /// When it ended; nil: it hadn't when the trace ended.
    package var end: UInt64?
    /// How it ended, if that is known: "exited with 0", "killed by SIGKILL"; nil: not known.
    package var ending: String?
    /// How many events found no room.
    package var lost: UInt64 = 0
  }

  /// Something that lasts: a system call, a task's turn, a worker's job, an actor's call.
  package struct Span: Sendable, Equatable {
    package enum Kind: String, Sendable { case call, task, job, actorCall }
    package var lane: Int
    package var kind: Kind
    package var begin: UInt64
    /// Nil: it never ended; the process was killed in it, or still is in it.
    package var end: UInt64?
    /// "writev(4, 21 bytes)".
    package var title: String
    /// "= 21", "EAGAIN: Resource temporarily unavailable"; empty while it hasn't ended.
    package var result: String = ""
    /// The thread slept in it.
    package var isBlocked = false
    /// It failed.
    package var failed = false
    /// What it works on, in words: "pipe:[1234]"; empty: nothing that has a name.
    package var object = ""
    /// Index into ``Timeline/channels``.
    package var channel: Int?
  }

  /// Something that happens at one moment.
  package struct Mark: Sendable, Equatable {
    package enum Kind: String, Sendable {
      case opened, closed, passed, sent, received, published, consumed, peerGone, jobLeased, jobLeasedAgain,
        jobAnswered,
        threadState, processorState, localSent, localReceived, note, ended, killed
    }
    package var lane: Int
    package var kind: Kind
    package var time: UInt64
    /// "sent #3, 21 bytes".
    package var title: String
    package var channel: Int?
    /// The message's first bytes as text, where they were recorded.
    package var payload: String = ""
  }

  /// What went from one lane to another.
  package struct Arrow: Sendable, Equatable {
    package enum Kind: String, Sendable { case message, wakeUp, job, actorCall, actorAnswer, value }
    package var kind: Kind
    package var fromLane: Int
    package var fromTime: UInt64
    package var toLane: Int
    package var toTime: UInt64
    /// "#3, 21 bytes"; "woke read(4)".
    package var title: String
    package var channel: Int?
  }

  /// A channel, as its endpoints in the processes have it in common.
  package struct Channel: Sendable, Equatable {
    /// "pipe".
    package var mechanism: String
    /// The object that carries its messages, in words that all of its processes share: "pipe:[1234]", "queue 3".
    package var object: String
  }

  /// The sums of a lane on a channel; ``channel`` nil: of calls on objects that belong to no channel.
  package struct Total: Sendable, Equatable {
    package var lane: Int
    package var channel: Int?
    package var sent = 0
    package var received = 0
    package var bytesSent = 0
    package var bytesReceived = 0
    package var calls = 0
    /// In calls in which the thread slept, in nanoseconds.
    package var blocked: UInt64 = 0
    /// How many sleeps of other threads this lane ended.
    package var wakeUps = 0

    package init(lane: Int, channel: Int?) {
      self.lane = lane
      self.channel = channel
    }
  }

  /// CLOCK_MONOTONIC of the first event: times are shown from there.
  package var start: UInt64 = 0
  package var end: UInt64 = 0
  package var lanes: [Lane] = []
  /// In the order of their begins.
  package var spans: [Span] = []
  /// In the order of their times.
  package var marks: [Mark] = []
  /// In the order of their ends.
  package var arrows: [Arrow] = []
  package var channels: [Channel] = []
  package var totals: [Total] = []
  /// How many events the trace has that aren't here, because of a limit.
  package var leftOut = 0
  /// What a reader must know: events that were lost, processes that couldn't record.
  package var notes: [String] = []

  package init() {}
}
