import IPCTrace

/// A trace as one JSON document.
struct TraceDocument: Encodable {
  struct Process: Encodable {
    let pid: Int32
    let parent: Int32
    let command: [String]
    let startNanoseconds: UInt64
    let lostEvents: UInt64

    enum CodingKeys: String, CodingKey {
      case pid, parent, command
      case startNanoseconds = "start_ns"
      case lostEvents = "lost_events"
    }
  }

  /// A process, or one of its threads.
  struct Lane: Encodable {
    let pid: Int32
    let tid: UInt32?
    let title: String
    let ending: String?
  }

  /// What lasts: a call, a task's turn, a worker's job, an actor's call.
  struct Span: Encodable {
    let lane: Int
    let kind: String
    let beginNanoseconds: UInt64
    let endNanoseconds: UInt64?
    let title: String
    let result: String
    let blocked: Bool
    let object: String
    let channel: Int?

    enum CodingKeys: String, CodingKey {
      case lane, kind, title, result, blocked, object, channel
      case beginNanoseconds = "begin_ns"
      case endNanoseconds = "end_ns"
    }
  }

  struct Mark: Encodable {
    let lane: Int
    let kind: String
    let timeNanoseconds: UInt64
    let title: String
    let channel: Int?
    let payload: String?

    enum CodingKeys: String, CodingKey {
      case lane, kind, title, channel, payload
      case timeNanoseconds = "time_ns"
    }
  }

  struct Arrow: Encodable {
    let kind: String
    let fromLane: Int
    let fromNanoseconds: UInt64
    let toLane: Int
    let toNanoseconds: UInt64
    let title: String
    let channel: Int?

    enum CodingKeys: String, CodingKey {
      case kind, title, channel
      case fromLane = "from_lane"
      case fromNanoseconds = "from_ns"
      case toLane = "to_lane"
      case toNanoseconds = "to_ns"
    }
  }

  struct Channel: Encodable {
    let mechanism: String
    let object: String
  }

  struct Total: Encodable {
    let lane: Int
    let channel: Int?
    let sent: Int
    let received: Int
    let bytesSent: Int
    let bytesReceived: Int
    let calls: Int
    let blockedNanoseconds: UInt64
    let wakeUps: Int

    enum CodingKeys: String, CodingKey {
      case lane, channel, sent, received, calls
      case bytesSent = "bytes_sent"
      case bytesReceived = "bytes_received"
      case blockedNanoseconds = "blocked_ns"
      case wakeUps = "wake_ups"
    }
  }

  let title: String
  let clock = "CLOCK_MONOTONIC"
  let exit: String?
  let interrupted: Bool
  let notes: [String]
  let leftOutEvents: Int
  let processes: [Process]
  let lanes: [Lane]
  let channels: [Channel]
  let spans: [Span]
  let marks: [Mark]
  let arrows: [Arrow]
  let totals: [Total]

  enum CodingKeys: String, CodingKey {
    case title, clock, exit, interrupted, notes, processes, lanes, channels, spans, marks, arrows, totals
    case leftOutEvents = "left_out_events"
  }

  init(_ trace: TraceSession.Result) {
    let timeline = trace.timeline
    title = trace.title
    exit = trace.exit.map { TraceSession.ending($0) }
    interrupted = trace.wasInterrupted
    notes = timeline.notes
    leftOutEvents = timeline.leftOut
    processes = trace.processes.map {
      Process(
        pid: $0.id, parent: $0.parent, command: $0.command, startNanoseconds: $0.start, lostEvents: $0.lost)
    }
    lanes = timeline.lanes.map { Lane(pid: $0.process, tid: $0.thread, title: $0.title, ending: $0.ending) }
    channels = timeline.channels.map { Channel(mechanism: $0.mechanism, object: $0.object) }
    spans = timeline.spans.map {
      Span(
        lane: $0.lane, kind: $0.kind.rawValue, beginNanoseconds: $0.begin, endNanoseconds: $0.end,
        title: $0.title, result: $0.result, blocked: $0.isBlocked, object: $0.object, channel: $0.channel)
    }
    marks = timeline.marks.map {
      Mark(
        lane: $0.lane, kind: $0.kind.rawValue, timeNanoseconds: $0.time, title: $0.title,
        channel: $0.channel, payload: $0.payload.isEmpty ? nil : $0.payload)
    }
    arrows = timeline.arrows.map {
      Arrow(
        kind: $0.kind.rawValue, fromLane: $0.fromLane, fromNanoseconds: $0.fromTime, toLane: $0.toLane,
        toNanoseconds: $0.toTime, title: $0.title, channel: $0.channel)
    }
    totals = timeline.totals.map {
      Total(
        lane: $0.lane, channel: $0.channel, sent: $0.sent, received: $0.received, bytesSent: $0.bytesSent,
        bytesReceived: $0.bytesReceived, calls: $0.calls, blockedNanoseconds: $0.blocked,
        wakeUps: $0.wakeUps)
    }
  }
}
