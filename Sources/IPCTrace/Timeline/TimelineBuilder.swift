import SystemCalls

/// Builds a ``Timeline`` from events in the order of their times.
///
/// Sums count every event. Of what is drawn, the first `limit` spans and marks are kept.
package struct TimelineBuilder {
  /// A thread of a process: what becomes a lane, or a part of one.
  struct ThreadID: Hashable {
    let process: Int32
    let thread: UInt32
  }

  /// What is known of a process while its events are read.
  struct Process {
    /// What its descriptors are.
    var objects: [Int32: String] = [:]
    /// Which channel an object of an endpoint belongs to, by its token or its name.
    var channels: [String: Int] = [:]
    var endpoints: [Int32: (channel: Int, objects: [String], isReceiver: Bool)] = [:]
    /// Shared memory: where it lies, and whose it is.
    var memory: [(start: UInt64, bytes: UInt64, object: String)] = []
    var lastEvent: UInt64 = 0
    /// When it said that it ends, or its parent has waited for it.
    var endedAt: UInt64?
    /// It was the process itself that said so.
    var saidEnd = false
    /// An arrow shows it.
    var endIsTold = false
    /// Small numbers for tasks, which have addresses.
    var tasks: [UInt64: Int] = [:]
    var localChannels: [UInt64: Int] = [:]

    /// The objects that the kernel closes with it.
    var held: Set<String> {
      let listed = endpoints.values.flatMap(\.objects).compactMap { ObjectKey.name($0, objects) }
      return Set(objects.values.map(ObjectKey.short) + listed)
    }
  }

  /// A call, a turn or a job that has begun.
  struct Begun {
    let begin: UInt64
    let channel: Int?
    /// Its place in ``Timeline/spans``; nil: it isn't drawn, or not yet.
    var span: Int?
    let call: TraceEvent.Call
    let object: String?
  }

  private let limit: Int
  var timeline = Timeline()
  var processes: [Int32: Process] = [:]
  var threadNames: [ThreadID: String] = [:]
  /// The threads, as provisional lanes.
  var lanes: [ThreadID] = []
  private var laneOf: [ThreadID: Int] = [:]
  /// The last lane of each process.
  private(set) var lastLane: [Int32: Int] = [:]
  /// Threads that do more than watch.
  var isActive: Set<Int> = []
  private var calls: [Int: Begun] = [:]
  private var turns: [Int: [(task: UInt64, span: Int?)]] = [:]
  private var channelOf: [String: Int] = [:]
  var totals: [TotalKey: Timeline.Total] = [:]
  var matcher = Matcher()
  private var messages = MessageMatcher()
  var sleeps = SleepTable()
  /// Sleeps that no recorded call has ended: a process that was killed may have.
  var unexplained: [UnexplainedSleep] = []
  /// The processes that have had endpoints of each channel.
  private var processesOf: [Int: Set<Int32>] = [:]
  /// When each lane last did something that is neither a call nor a ring's: what it sends later wasn't sent before.
  private var lastOther: [Int: UInt64] = [:]
  private var drawn = 0

  struct TotalKey: Hashable {
    let lane: Int
    let channel: Int?
  }

  package init(limit: Int = .max) { self.limit = limit }

  // MARK: What is drawn

  private mutating func hasRoom() -> Bool {
    guard drawn < limit else {
      timeline.leftOut += 1
      return false
    }
    drawn += 1
    return true
  }

  mutating func mark(
    _ lane: Int, _ kind: Timeline.Mark.Kind, _ time: UInt64, _ title: String, channel: Int? = nil,
    payload: String = ""
  ) {
    guard hasRoom() else { return }
    timeline.marks.append(
      Timeline.Mark(lane: lane, kind: kind, time: time, title: title, channel: channel, payload: payload))
  }

  private mutating func span(
    _ lane: Int, _ kind: Timeline.Span.Kind, _ time: UInt64, _ title: String, channel: Int? = nil,
    object: String = ""
  ) -> Int? {
    guard hasRoom() else { return nil }
    timeline.spans.append(
      Timeline.Span(
        lane: lane, kind: kind, begin: time, title: title, object: object, channel: channel))
    return timeline.spans.count - 1
  }

  /// A piece of work that begins.
  mutating func work(_ kind: Timeline.Span.Kind, _ lane: Int, _ time: UInt64, _ title: String) -> Int? {
    span(lane, kind, time, title)
  }

  mutating func arrow(
    _ kind: Timeline.Arrow.Kind, _ fromLane: Int, _ fromTime: UInt64, _ toLane: Int, _ toTime: UInt64,
    _ title: String, channel: Int? = nil
  ) {
    guard drawn < limit else { return }
    timeline.arrows.append(
      Timeline.Arrow(
        kind: kind, fromLane: fromLane, fromTime: min(fromTime, toTime), toLane: toLane, toTime: toTime,
        title: title, channel: channel))
  }

  mutating func total(_ lane: Int, _ channel: Int?, _ change: (inout Timeline.Total) -> Void) {
    change(&totals[TotalKey(lane: lane, channel: channel), default: .init(lane: lane, channel: channel)])
  }

  // MARK: Events

  /// Adds an event. None of those before it may come later.
  package mutating func add(_ event: TraceEvent) {
    let id = ThreadID(process: event.process, thread: event.thread)
    let lane =
      laneOf[id]
      ?? {
        lanes.append(id)
        laneOf[id] = lanes.count - 1
        lastLane[event.process] = lanes.count - 1
        return lanes.count - 1
      }()
    if timeline.start == 0 { timeline.start = event.time }
    timeline.end = max(timeline.end, event.time)
    processes[event.process, default: Process()].lastEvent = event.time
    let time = event.time
    let process = event.process
    defer { if !event.content.isPartOfSending { lastOther[lane] = time } }
    switch event.content {
    case .thread(let name): threadNames[id] = name
    case .descriptor(let number, let object): processes[process]!.objects[number] = object
    case .callBegins(let call): begin(call, lane, process, time)
    case .callEnds(let call, let result, let errno, let slept):
      end(call, result, errno, slept, lane, process, time)
    case .opened(let endpoint): open(endpoint, lane, process, time)
    case .closed(let number, let passed):
      guard let endpoint = processes[process]!.endpoints.removeValue(forKey: number) else { return }
      // Another endpoint of the process may have the same queue.
      let others = processes[process]!.endpoints.values.flatMap(\.objects)
      for object in endpoint.objects where !others.contains(object) {
        processes[process]!.channels[object] = nil
      }
      let role = endpoint.isReceiver ? "receiver" : "sender"
      mark(
        lane, passed ? .passed : .closed, time,
        passed ? "the \(role) is the child's now" : "the \(role) is closed", channel: endpoint.channel)
    case .sent(let endpoint, let number, let bytes, let sender, let payload):
      message(.sent, endpoint, number, bytes, sender, payload, lane, process, time)
    case .received(let endpoint, let number, let bytes, let sender, let payload):
      message(.received, endpoint, number, bytes, sender, payload, lane, process, time)
    case .published(let endpoint, let position, let bytes):
      let channel = processes[process]!.endpoints[endpoint]?.channel
      mark(lane, .published, time, "tail → \(position): \(CallText.bytes(bytes)) published", channel: channel)
    case .consumed(let endpoint, let position, let bytes):
      let channel = processes[process]!.endpoints[endpoint]?.channel
      mark(lane, .consumed, time, "head → \(position): \(CallText.bytes(bytes)) free again", channel: channel)
    case .peerGone(let descriptor):
      let object = processes[process]!.objects[descriptor].map { " (\($0))" } ?? ""
      mark(lane, .peerGone, time, "the other side is gone\(object)")
    case .jobLeased, .jobAnswered, .jobBegins, .jobEnds, .actorCalled, .actorAnswered:
      isActive.insert(lane)
      addWork(event.content, lane, process, time)
    case .taskRuns(let task, let thread, let processor):
      isActive.insert(lane)
      let place = [thread < 0 ? "" : " on M\(thread)", processor < 0 ? "" : " with P\(processor)"].joined()
      let title = taskName(task, process) + place
      let span = span(lane, .task, time, title)
      turns[lane, default: []].append((task, span))
    case .taskStops(let task, _):
      guard let turn = turns[lane]?.popLast(), turn.task == task else { return }
      if let span = turn.span { timeline.spans[span].end = time }
    case .threadState(let thread, let state): mark(lane, .threadState, time, "M\(thread) \(state)")
    case .processorState(let processor, let state):
      mark(lane, .processorState, time, "P\(processor) \(state)")
    case .localSent(let channel, let number, _): value(true, channel, number, lane, process, time)
    case .localReceived(let channel, let number, _): value(false, channel, number, lane, process, time)
    case .note(let text):
      isActive.insert(lane)
      mark(lane, .note, time, text)
    case .ended:
      processes[process]!.endedAt = time
      processes[process]!.saidEnd = true
      sleeps.processEnds(process, lane, time, processes[process]!.held)
      mark(lane, .ended, time, "ends")
    case .childEnded(let child, _, _):
      if processes[child]?.endedAt == nil { processes[child]?.endedAt = time }
      _ = endOfChild(child, lane, time)
    }
  }

  /// A thread has waited for a child's end: says so once. Returns false if the child recorded nothing.
  private mutating func endOfChild(_ child: Int32, _ lane: Int, _ time: UInt64) -> Bool {
    guard let last = processes[child], let from = lastLane[child] else {
      return false
    }
    if processes[child]!.endIsTold { return true }
    processes[child]!.endIsTold = true
    arrow(.wakeUp, from, last.endedAt ?? last.lastEvent, lane, time, "process \(child) has ended")
    total(from, nil) { $0.wakeUps += 1 }
    return true
  }

  private mutating func taskName(_ task: UInt64, _ process: Int32) -> String {
    if task == 0 { return "callback" }
    let known = processes[process]!.tasks.count
    let number = processes[process]!.tasks[task] ?? known + 1
    processes[process]!.tasks[task] = number
    return "task \(number)"
  }

  private mutating func value(
    _ isSent: Bool, _ channel: UInt64, _ number: Int64, _ lane: Int, _ process: Int32, _ time: UInt64
  ) {
    isActive.insert(lane)
    let known = processes[process]!.localChannels.count
    let name = processes[process]!.localChannels[channel] ?? known + 1
    processes[process]!.localChannels[channel] = name
    mark(
      lane, isSent ? .localSent : .localReceived, time,
      "\(isSent ? "sends" : "receives") value \(number) on channel \(name)")
    guard
      let sent = matcher.value(
        Matcher.ValueKey(process: process, channel: channel, number: number), isSent, lane, time),
      sent.lane != lane
    else { return }
    arrow(.value, sent.lane, sent.time, lane, time, "value \(number)")
  }

  // MARK: Channels

  private mutating func open(_ endpoint: TraceEvent.Endpoint, _ lane: Int, _ process: Int32, _ time: UInt64) {
    var state = processes[process]!
    let names = endpoint.objects.compactMap { ObjectKey.name($0, state.objects) }
    guard let first = names.first else { return }
    let channel =
      channelOf[first]
      ?? {
        timeline.channels.append(Timeline.Channel(mechanism: endpoint.mechanism, object: first))
        channelOf[first] = timeline.channels.count - 1
        return timeline.channels.count - 1
      }()
    let objects = endpoint.objects.filter { !$0.hasPrefix("memory:") }
    for object in objects { state.channels[object] = channel }
    // Memory belongs to the segment or the file beside it.
    let memory =
      endpoint.objects.first { $0.hasPrefix("segment:") || $0.hasPrefix("fd:") } ?? endpoint.objects[0]
    for object in endpoint.objects {
      if let (start, bytes) = ObjectKey.memory(object) {
        state.memory.removeAll { $0.start == start }
        let name = ObjectKey.name(memory, state.objects) ?? first
        state.memory.append((start, bytes, name))
        state.channels[name] = channel
      }
    }
    state.endpoints[endpoint.number] = (channel, objects, endpoint.isReceiver)
    processesOf[channel, default: []].insert(process)
    processes[process] = state
    mark(
      lane, .opened, time, "\(endpoint.isReceiver ? "receiver" : "sender") of \(endpoint.mechanism) \(first)",
      channel: channel)
  }

  private mutating func message(
    _ kind: Timeline.Mark.Kind, _ endpoint: Int32, _ number: Int64, _ bytes: Int, _ sender: UInt32,
    _ payload: [UInt8], _ lane: Int, _ process: Int32, _ time: UInt64
  ) {
    isActive.insert(lane)
    let channel = processes[process]!.endpoints[endpoint]?.channel
    let isSent = kind == .sent
    mark(
      lane, kind, time, "\(isSent ? "sent" : "received") #\(number), \(CallText.bytes(bytes))",
      channel: channel, payload: payload.isEmpty ? "" : String(decoding: payload, as: UTF8.self))
    total(lane, channel) { total in
      if isSent {
        total.sent += 1
        total.bytesSent += bytes
      } else {
        total.received += 1
        total.bytesReceived += bytes
      }
    }
    guard let channel else { return }
    // A message leaves while the call that carries it runs; one that made no call leaves now.
    let began = isSent ? matcher.lastCall[lane]?.removeValue(forKey: channel) ?? time : time
    let passage = MessageMatcher.Passage(
      lane: lane, process: process, endpoint: endpoint, time: began, earliest: lastOther[lane] ?? 0,
      number: number, bytes: bytes, sender: sender)
    let crosses = crosses(channel)
    // A receiver of many connections counts the messages of all of them.
    let other =
      isSent
      ? messages.sent(passage, on: channel, crosses: crosses)
      : messages.received(passage, on: channel, crosses: crosses, isNumbered: !isSocket(channel))
    guard let other else { return }
    let (from, to) = isSent ? (passage, other) : (other, passage)
    arrow(
      .message, from.lane, from.time, to.lane, to.time, "#\(from.number), \(CallText.bytes(bytes))",
      channel: channel)
  }

  private func isSocket(_ channel: Int) -> Bool {
    let object = timeline.channels[channel].object
    return object.hasPrefix("unix:") || object.hasPrefix("tcp:")
  }

  /// Whether bytes go both ways in a channel's object, and more than one process has it: what one sends, another receives.
  private func crosses(_ channel: Int) -> Bool {
    isSocket(channel) && processesOf[channel, default: []].count > 1
  }

  // MARK: Calls

  /// Calls that say something also where they are on no channel's object.
  private static let told: Set<String> = ["posix_spawn", "wait4"]

  private mutating func begin(_ call: TraceEvent.Call, _ lane: Int, _ process: Int32, _ time: UInt64) {
    if let left = calls[lane] { loseEnd(left, lane, time) }
    let state = processes[process]!
    let object = ObjectKey.of(call, state)
    let channel = object.flatMap { state.channels[$0.token] ?? state.channels[$0.name] }
    var begun = Begun(begin: time, channel: channel, span: nil, call: call, object: object?.place)
    if let channel {
      // A thread that only closes or wakes does so for others: it gets no lane of its own.
      if Matcher.moves(call) { isActive.insert(lane) }
      if Matcher.carries(call) { matcher.lastCall[lane, default: [:]][channel] = time }
    }
    total(lane, channel) { $0.calls += 1 }
    sleeps.begin(
      SleepTable.Call(
        call, process: process, begin: time, place: object?.place, channel: channel,
        crosses: channel.map(crosses) ?? false), lane)
    // A look at whether a child has ended says nothing unless it has.
    if channel != nil || Self.told.contains(call.name), call.name != "wait4" || call.waits {
      begun.span = span(
        lane, .call, time, CallText.title(call), channel: channel, object: object?.name ?? "")
    }
    calls[lane] = begun
    if call.name == "close", case .descriptor(let number) = call.subject {
      processes[process]!.objects[number] = nil
      processes[process]!.channels["fd:\(number)"] = nil
    }
  }

  /// The trace has lost the end of a call: the thread makes another one.
  private mutating func loseEnd(_ begun: Begun, _ lane: Int, _ time: UInt64) {
    sleeps.end(lane, time, failed: false)
    guard let span = begun.span else { return }
    timeline.spans[span].end = time
    timeline.spans[span].result = "its end is lost"
  }

  private mutating func end(
    _ call: TraceEvent.Call, _ result: Int64, _ errno: Int32, _ slept: Bool, _ lane: Int, _ process: Int32,
    _ time: UInt64
  ) {
    // The begin is lost, where the thread's last one is of another call.
    guard let begun = calls[lane], begun.call.name == call.name else { return }
    let first = begun.call
    calls[lane] = nil
    let ended = sleeps.end(lane, time, failed: result == -1)
    if let index = begun.span {
      timeline.spans[index].end = time
      timeline.spans[index].result = CallText.result(first, result, errno)
      timeline.spans[index].isBlocked = slept
      timeline.spans[index].failed = result == -1
    } else if slept || (call.name == "wait4" && result > 0), hasRoom() {
      // What a thread waits for beside its channels: drawn where the thread does something else, too.
      timeline.spans.append(
        Timeline.Span(
          lane: lane, kind: .call, begin: begun.begin, end: time,
          title: CallText.title(first, begun.object), result: CallText.result(first, result, errno),
          isBlocked: slept, failed: result == -1))
    }
    guard slept else { return }
    total(lane, begun.channel) { $0.blocked += time - min(begun.begin, time) }
    if let child = begun.object.flatMap(ObjectKey.process), endOfChild(child, lane, time) { return }
    if let ended { explain(ended, result, errno, lane, time) }
  }
}
