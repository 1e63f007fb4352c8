/// A trace in Chrome's trace-event format, which https://ui.perfetto.dev and chrome://tracing open.
///
/// Source: "Trace Event Format" (the Chromium project). Calls, turns, jobs and actors' calls are complete events (`X`), those that
/// never ended begin events (`B`), marks instant events (`i`), and arrows flows (`s`, `f`) between slices.
package enum PerfettoTrace {
  /// How long the slice of a mark is that a flow begins or ends at, in nanoseconds: a flow needs one.
  private static let markDuration: UInt64 = 1000

  /// The document in pieces: a line each.
  package static func pieces(_ timeline: Timeline) -> [String] {
    var writer = Writer(timeline)
    return writer.document()
  }

  private struct Writer {
    let timeline: Timeline
    private var lines: [String] = []

    init(_ timeline: Timeline) { self.timeline = timeline }

    mutating func document() -> [String] {
      var named: Set<Int32> = []
      for lane in timeline.lanes { name(lane, isFirst: named.insert(lane.process).inserted) }
      for span in timeline.spans { add(span) }
      for mark in timeline.marks { add(mark) }
      for (index, arrow) in timeline.arrows.enumerated() { add(arrow, index + 1) }
      let notes = timeline.notes.map(JSONText.string).joined(separator: ",")
      return [
        "{\"displayTimeUnit\":\"ns\",\"otherData\":{\"clock\":\"CLOCK_MONOTONIC\",\"notes\":[\(notes)]},\"traceEvents\":[\n"
      ]
        + lines.enumerated().map { $0.offset == 0 ? $0.element : ",\n" + $0.element } + ["\n]}\n"]
    }

    private func place(_ lane: Int) -> String {
      let lane = timeline.lanes[lane]
      return "\"pid\":\(lane.process),\"tid\":\(lane.thread ?? UInt32(bitPattern: lane.process))"
    }

    private func time(_ nanoseconds: UInt64) -> String {
      "\"ts\":" + JSONText.microseconds(nanoseconds - min(nanoseconds, timeline.start))
    }

    private mutating func name(_ lane: Timeline.Lane, isFirst: Bool) {
      let thread = lane.thread ?? UInt32(bitPattern: lane.process)
      if isFirst {
        lines.append(
          "{\"ph\":\"M\",\"name\":\"process_name\",\"pid\":\(lane.process),\"args\":{\"name\":\(JSONText.string(lane.command.isEmpty ? lane.title : lane.command))}}"
        )
      }
      lines.append(
        "{\"ph\":\"M\",\"name\":\"thread_name\",\"pid\":\(lane.process),\"tid\":\(thread),\"args\":{\"name\":\(JSONText.string(lane.title))}}"
      )
    }

    private func arguments(_ pairs: [(String, String)]) -> String {
      let written = pairs.filter { !$0.1.isEmpty }.map { "\(JSONText.string($0.0)):\(JSONText.string($0.1))" }
      return "\"args\":{\(written.joined(separator: ","))}"
    }

    private func channel(_ index: Int?) -> String {
      index.map { "\(timeline.channels[$0].mechanism) \(timeline.channels[$0].object)" } ?? ""
    }

    private mutating func add(_ span: Timeline.Span) {
      let what = arguments([
        ("result", span.result), ("slept", span.isBlocked ? "yes" : ""), ("object", span.object),
        ("channel", channel(span.channel)),
      ])
      let common =
        "\"name\":\(JSONText.string(span.title)),\"cat\":\"\(span.kind.rawValue)\",\(place(span.lane)),\(time(span.begin)),\(what)"
      guard let end = span.end else { return lines.append("{\"ph\":\"B\",\(common)}") }
      lines.append("{\"ph\":\"X\",\"dur\":\(JSONText.microseconds(end - min(end, span.begin))),\(common)}")
    }

    private mutating func add(_ mark: Timeline.Mark) {
      let what = arguments([("payload", mark.payload), ("channel", channel(mark.channel))])
      lines.append(
        "{\"ph\":\"i\",\"s\":\"t\",\"name\":\(JSONText.string(mark.title)),\"cat\":\"\(mark.kind.rawValue)\",\(place(mark.lane)),\(time(mark.time)),\(what)}"
      )
    }

    /// A flow binds to the slice that contains it: each of its ends gets a small one of its own.
    private mutating func add(_ arrow: Timeline.Arrow, _ id: Int) {
      let title = JSONText.string(arrow.title)
      let kind = arrow.kind.rawValue
      for (lane, nanoseconds, phase) in [
        (arrow.fromLane, arrow.fromTime, "\"ph\":\"s\""),
        (arrow.toLane, arrow.toTime, "\"ph\":\"f\",\"bp\":\"e\""),
      ] {
        lines.append(
          "{\"ph\":\"X\",\"dur\":\(JSONText.microseconds(PerfettoTrace.markDuration)),\"name\":\(title),\"cat\":\"\(kind)\",\(place(lane)),\(time(nanoseconds)),\"args\":{}}"
        )
        lines.append(
          "{\(phase),\"id\":\(id),\"name\":\"\(kind)\",\"cat\":\"\(kind)\",\(place(lane)),\(time(nanoseconds))}"
        )
      }
    }
  }
}
