import Measurement

/// The rows of the lanes: what happened, one thing after the other.
struct LaneRows {
  struct Row {
    let time: UInt64
    let lane: Int
    var text: String
    /// A text that the program itself has noted, which is told whole.
    var isNote = false
    /// How many calls this row is, and what one of them says.
    var times = 1
    var single = ""
    /// Where an arrow comes from that ends here.
    var arrowFrom: Int?
    /// From this row on the lane's thread sleeps, or no longer does.
    var beginsSleep = false
    var endsSleep = false
    /// The lane ends with this row.
    var endsLane = false
  }

  private(set) var rows: [Row] = []
  /// How many calls aren't told, since they only set something up.
  private(set) var untold = 0

  /// Calls that neither move a message nor wait nor begin or end anything.
  private static let setUp: Set<String> = [
    "fcntl", "epoll_ctl", "setsockopt", "getsockopt", "getsockname", "getpeername", "fstat", "ftruncate",
    "mmap",
    "flock", "lseek", "fchmod", "open", "lstat", "mq_getattr", "listen", "bind", "socket", "unlink",
  ]

  private enum Item {
    case spanBegins(Int)
    case spanEnds(Int)
    case mark(Int)
    case laneEnds(Int)
  }

  /// How many rows there would be more.
  private(set) var leftOut = 0

  init(_ timeline: Timeline, most: Int) {
    var items: [(time: UInt64, order: Int, item: Item)] = []
    for (index, span) in timeline.spans.enumerated() {
      if span.kind == .call, Self.setUp.contains(String(span.title.prefix { $0 != "(" })), !span.isBlocked,
        !span.failed, span.end != nil
      {
        untold += 1
        continue
      }
      items.append((span.begin, 1, .spanBegins(index)))
      if let end = span.end { items.append((end, 0, .spanEnds(index))) }
    }
    for (index, mark) in timeline.marks.enumerated() where mark.kind != .ended {
      items.append((mark.time, 2, .mark(index)))
    }
    for (index, lane) in timeline.lanes.enumerated() {
      if let end = lane.end { items.append((end, 3, .laneEnds(index))) }
    }
    items.sort { ($0.time, $0.order) < ($1.time, $1.order) }

    // Which arrow ends where: at a mark or a span of its lane and time.
    var arrows: [ArrowKey: Timeline.Arrow] = [:]
    for arrow in timeline.arrows { arrows[ArrowKey(lane: arrow.toLane, time: arrow.toTime)] = arrow }

    let unfinished = timeline.spans.reduce(into: [Int: String]()) { titles, span in
      if span.end == nil, span.kind == .call { titles[span.lane] = span.title }
    }

    var position = 0
    /// Calls whose end is in the row of their begin.
    var told: Set<Int> = []
    while position < items.count {
      if rows.count >= most {
        leftOut = items.count - position
        break
      }
      let (time, _, item) = items[position]
      position += 1
      switch item {
      case .mark(let index):
        let mark = timeline.marks[index]
        var row = Row(time: time, lane: mark.lane, text: Self.text(mark), isNote: mark.kind == .note)
        row.arrowFrom = arrows[ArrowKey(lane: mark.lane, time: time)]?.fromLane
        rows.append(row)
      case .spanBegins(let index):
        let span = timeline.spans[index]
        // A call in which the thread didn't sleep is one row, and so is what has nothing inside or beside it.
        let isNext =
          if position < items.count, case .spanEnds(index) = items[position].item { true } else { false }
        if isNext || (span.kind == .call && !span.isBlocked && span.end != nil) {
          if isNext { position += 1 } else { told.insert(index) }
          let end = span.end ?? time
          var row = Row(time: time, lane: span.lane, text: Self.whole(span))
          row.arrowFrom =
            arrows[ArrowKey(lane: span.lane, time: end)]?.fromLane
            ?? arrows[ArrowKey(lane: span.lane, time: time)]?.fromLane
          if !again(row, end) { rows.append(row) }
          continue
        }
        var row = Row(time: time, lane: span.lane, text: Self.begin(span))
        row.arrowFrom = arrows[ArrowKey(lane: span.lane, time: time)]?.fromLane
        row.beginsSleep = span.isBlocked || (span.end == nil && span.kind == .call)
        rows.append(row)
      case .spanEnds(let index):
        if told.remove(index) != nil { continue }
        let span = timeline.spans[index]
        var row = Row(time: time, lane: span.lane, text: Self.end(span))
        row.arrowFrom = arrows[ArrowKey(lane: span.lane, time: time)]?.fromLane
        row.endsSleep = span.isBlocked
        rows.append(row)
      case .laneEnds(let index):
        let lane = timeline.lanes[index]
        // Where the trace has it, what it was in the middle of.
        let inside = unfinished[index].map { " in \($0)" } ?? ""
        rows.append(
          Row(
            time: time, lane: index, text: "╳ \(lane.ending ?? "ends")\(inside)", isNote: true,
            endsLane: true))
      }
    }
  }

  /// Counts a call that does what the one before it did, as in a spin, in its row.
  private mutating func again(_ row: Row, _ end: UInt64) -> Bool {
    guard let last = rows.last, last.lane == row.lane, row.arrowFrom == nil, !last.isNote,
      last.text == row.text || (last.times > 1 && last.single == row.text)
    else { return false }
    rows[rows.count - 1].single = row.text
    rows[rows.count - 1].times += 1
    rows[rows.count - 1].text = "\(row.text) ×\(last.times + 1)"
    return true
  }

  private struct ArrowKey: Hashable {
    let lane: Int
    let time: UInt64
  }

  // MARK: Words

  private static func text(_ mark: Timeline.Mark) -> String {
    let payload = mark.payload.isEmpty ? "" : ": \(PlainText.shown(mark.payload))"
    return (mark.kind == .note ? "» " : "") + PlainText.shown(mark.title) + payload
  }

  private static func whole(_ span: Timeline.Span) -> String {
    guard span.kind == .call else {
      let title = PlainText.shown(span.title)
      return span.end.map { "\(title) · \(duration($0 - span.begin))" } ?? title
    }
    return PlainText.shown(
      [span.title, span.result, slept(span)].filter { !$0.isEmpty }.joined(separator: " "))
  }

  private static func begin(_ span: Timeline.Span) -> String {
    let title = PlainText.shown(span.title)
    return span.kind == .call ? title + (span.end == nil ? " …" : "") : "┌ \(title)"
  }

  private static func end(_ span: Timeline.Span) -> String {
    guard span.kind == .call else {
      return "└ \(PlainText.shown(span.title)) · \(duration((span.end ?? span.begin) - span.begin))"
    }
    let name = span.title.prefix { $0 != "(" }
    return [String(name), span.result, slept(span)].filter { !$0.isEmpty }.joined(separator: " ")
  }

  private static func slept(_ span: Timeline.Span) -> String {
    guard span.isBlocked, let end = span.end else { return "" }
    return "· slept \(duration(end - span.begin))"
  }

  /// "0.021 ms", "1.2 s".
  static func duration(_ nanoseconds: UInt64) -> String {
    let microseconds = Double(nanoseconds) / 1000
    if microseconds < 1000 { return "\(rounded(microseconds)) µs" }
    if microseconds < 1_000_000 { return "\(rounded(microseconds / 1000)) ms" }
    return "\(rounded(microseconds / 1_000_000)) s"
  }

  private static func rounded(_ value: Double) -> String {
    if value >= 100 { return String(Int(value.rounded())) }
    let tenths = Int((value * 10).rounded())
    return "\(tenths / 10).\(tenths % 10)"
  }

}
