import IPCTrace

/// Events by hand: of processes 1, 2 …, each with one thread unless told otherwise, a microsecond after each other.
struct MadeEvents {
  private(set) var events: [TraceEvent] = []
  private var time: UInt64 = 1_000_000
  private var open: [Int32: TraceEvent.Call] = [:]

  mutating func wait(microseconds: UInt64) { time += microseconds * 1000 }

  mutating func add(_ process: Int32, thread: UInt32? = nil, _ content: TraceEvent.Content) {
    time += 1000
    events.append(
      TraceEvent(
        process: process, thread: thread ?? UInt32(process), time: time, content: content))
  }

  /// An endpoint of a pipe with this inode, on a descriptor.
  mutating func pipe(_ process: Int32, _ number: Int32, receives: Bool, fd: Int32, inode: Int) {
    add(process, .descriptor(number: fd, object: "pipe:[\(inode)]"))
    add(
      process,
      .opened(
        .init(number: number, isReceiver: receives, mechanism: "pipe", objects: ["fd:\(fd)"], sender: 0)))
  }

  mutating func begin(
    _ process: Int32, thread: UInt32? = nil, _ name: String, _ subject: TraceEvent.Subject, bytes: Int = 0,
    detail: UInt64 = 0, waits: Bool = false
  ) {
    let call = TraceEvent.Call(name: name, subject: subject, bytes: bytes, detail: detail, waits: waits)
    open[process] = call
    add(process, thread: thread, .callBegins(call))
  }

  mutating func end(
    _ process: Int32, thread: UInt32? = nil, _ result: Int64, errno: Int32 = 0, slept: Bool = false
  ) {
    guard let call = open.removeValue(forKey: process) else { return }
    add(process, thread: thread, .callEnds(call, result: result, errno: errno, slept: slept))
  }

  mutating func sent(_ process: Int32, _ endpoint: Int32, _ number: Int64, sender: UInt32 = 0) {
    add(process, .sent(endpoint: endpoint, number: number, bytes: 5, sender: sender, payload: []))
  }

  mutating func received(_ process: Int32, _ endpoint: Int32, _ number: Int64, sender: UInt32 = 0) {
    add(process, .received(endpoint: endpoint, number: number, bytes: 5, sender: sender, payload: []))
  }

  /// The timeline of all of them.
  func timeline(
    limit: Int = .max, ends: [Int32: (time: UInt64, ending: String?)] = [:], lost: UInt64 = 0
  ) -> Timeline {
    var builder = TimelineBuilder(limit: limit)
    for event in events { builder.add(event) }
    let ids = events.map(\.process).reduce(into: [Int32]()) { if !$0.contains($1) { $0.append($1) } }
    let processes = ids.map { id in
      TracedProcess(
        id: id, parent: 0, start: events[0].time, wallStart: 0, command: ["/bin/program", "part\(id)"])
    }
    return builder.finish(processes: processes, ends: ends, notes: lost == 0 ? [] : ["lost"])
  }

  /// A writer (1) and a reader (2) of a pipe: the reader sleeps in read(2), a message wakes it, and the writer closes.
  static var conversation: MadeEvents {
    var made = MadeEvents()
    made.pipe(1, 1, receives: false, fd: 4, inode: 77)
    made.pipe(2, 1, receives: true, fd: 3, inode: 77)
    made.begin(2, "read", .descriptor(3), bytes: 100, waits: true)
    made.wait(microseconds: 500)
    made.add(1, .note("sends hello"))
    made.begin(1, "writev", .descriptor(4), bytes: 13)
    made.end(2, 13, slept: true)
    made.received(2, 1, 1)
    made.end(1, 13)
    made.sent(1, 1, 1)
    made.begin(1, "close", .descriptor(4))
    made.end(1, 0)
    made.add(1, .closed(endpoint: 1, passed: false))
    made.begin(2, "read", .descriptor(3), bytes: 100, waits: true)
    made.end(2, 0)
    made.add(2, .ended)
    made.add(1, .ended)
    return made
  }
}
