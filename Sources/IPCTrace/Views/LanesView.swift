package import Measurement

/// A trace as lanes on a terminal: a column for each process, time downward.
package enum LanesView {
  private static let timeWidth = 10
  /// A column that is narrower can't be read: then every row begins with its lane's name instead.
  private static let leastColumn = 30
  /// Where nothing says how wide the text may be.
  private static let columnWhereAnyWidth = 48
  private static let rowsBetweenHeads = 60
  private static let mostNoteLines = 4

  /// - Parameter mostRows: how many things are told.
  package static func text(_ timeline: Timeline, _ layout: TextLayout, mostRows: Int = .max) -> String {
    let rows = LaneRows(timeline, most: mostRows)
    let count = max(1, timeline.lanes.count)
    let width = layout.width ?? timeWidth + count * columnWhereAnyWidth
    let column = (width - timeWidth) / count
    var lines =
      column >= leastColumn || count == 1
      ? Columns(timeline, column: max(column, 20)).lines(rows) : list(timeline, rows, width)
    lines.append("")
    let notes = timeline.notes.map { layout.wrapped(PlainText.shown($0)) }
    lines += notes
    if timeline.leftOut > 0 {
      lines.append(
        layout.wrapped(
          "\(timeline.leftOut) events after these aren't drawn: --limit 0 draws all, --html FILE to zoom into."
        ))
    }
    lines.append(layout.wrapped(legend(rows, hasColumns: column >= leastColumn || count == 1)))
    return lines.map { layout.shown(trimmed($0)) }.joined(separator: "\n")
  }

  private static func legend(_ rows: LaneRows, hasColumns: Bool) -> String {
    let signs =
      hasColumns
      ? "│ the process runs; ░ its thread sleeps in a call; ───▶ a message arrives, or a call that slept is woken; ╳ the process is gone. "
      : "◀ the process from which a message came, or which woke a call that slept. "
    let untold =
      rows.untold > 0
      ? " \(rows.untold) calls that only set something up (fcntl, setsockopt, mmap …) aren't shown here; --html, --perfetto and --json have them."
      : ""
    return
      "ms: since the first event. \(signs)» the program's own words. name(object, …) = result: a system call.\(untold)"
  }

  static func time(_ nanoseconds: UInt64) -> String {
    let microseconds = nanoseconds / 1000
    let text = "\(microseconds / 1000)." + String(String(1000 + microseconds % 1000).dropFirst())
    return String(repeating: " ", count: max(0, timeWidth - 2 - text.count)) + text + "  "
  }

  static func cut(_ text: String, _ width: Int) -> String {
    text.count <= width ? text : String(text.prefix(max(0, width - 1))) + "…"
  }

  private static func trimmed(_ line: String) -> String {
    var line = Substring(line)
    while line.last == " " { line = line.dropLast() }
    return String(line)
  }

  /// Words on lines of at most `width`.
  static func wrapped(_ text: String, _ width: Int) -> [String] {
    var lines: [String] = []
    var line = ""
    for word in text.split(separator: " ") {
      if !line.isEmpty, line.count + 1 + word.count > width {
        lines.append(line)
        line = "  " + word
      } else {
        line += line.isEmpty ? String(word) : " " + word
      }
    }
    lines.append(line)
    guard lines.count > mostNoteLines else { return lines.map { cut($0, width) } }
    return lines[..<mostNoteLines].map { cut($0, width) }.dropLast() + [
      cut(lines[mostNoteLines - 1] + " …", width)
    ]
  }

  // MARK: A row after the other

  private static func list(_ timeline: Timeline, _ rows: LaneRows, _ width: Int) -> [String] {
    let titles = timeline.lanes.map { PlainText.shown($0.title) }
    let longest = titles.map(\.count).max() ?? 0
    let nameWidth = min(longest, max(10, width / 4))
    let room = max(10, width - timeWidth - nameWidth - 2)
    var lines: [String] = ["      ms  " + "what did what"]
    for row in rows.rows {
      let title = titles[row.lane]
      // The end of a name tells more: the process's id is there.
      let name =
        title.count <= nameWidth
        ? title + String(repeating: " ", count: nameWidth - title.count)
        : "…" + title.suffix(nameWidth - 1)
      let from = row.arrowFrom.map { $0 == row.lane ? "" : " ◀ \(titles[$0])" } ?? ""
      let texts = wrapped(row.text + from, room)
      for (index, text) in texts.enumerated() {
        lines.append(
          index == 0
            ? time(row.time - min(row.time, timeline.start)) + name + "  " + text
            : String(repeating: " ", count: timeWidth + nameWidth + 2) + text)
      }
    }
    return lines
  }

  // MARK: Columns

  private struct Columns {
    private enum State { case none, runs, sleeps, gone }

    private let timeline: Timeline
    private let width: Int
    private var states: [State]
    private var sleeping: [Int]

    init(_ timeline: Timeline, column: Int) {
      self.timeline = timeline
      width = column
      states = .init(repeating: .none, count: timeline.lanes.count)
      sleeping = .init(repeating: 0, count: timeline.lanes.count)
    }

    func lines(_ rows: LaneRows) -> [String] {
      var copy = self
      return copy.draw(rows)
    }

    private mutating func draw(_ rows: LaneRows) -> [String] {
      var lines = [head()]
      var sinceHead = 0
      for row in rows.rows {
        if sinceHead >= rowsBetweenHeads {
          lines += ["", head()]
          sinceHead = 0
        }
        if states[row.lane] == .none || states[row.lane] == .gone { states[row.lane] = .runs }
        if row.endsSleep {
          sleeping[row.lane] -= 1
          if sleeping[row.lane] <= 0 { states[row.lane] = .runs }
        }
        let stamp = LanesView.time(row.time - min(row.time, timeline.start))
        let texts = row.isNote ? LanesView.wrapped(row.text, width - 3) : [row.text]
        for (index, text) in texts.enumerated() {
          lines.append(
            (index == 0 ? stamp : String(repeating: " ", count: timeWidth))
              + line(
                row, index == 0 || row.text.isEmpty ? text : "  " + text.drop { $0 == " " },
                hasArrow: index == 0))
          sinceHead += 1
        }
        if row.beginsSleep {
          sleeping[row.lane] += 1
          states[row.lane] = .sleeps
        }
        if row.endsLane { states[row.lane] = .gone }
      }
      return lines
    }

    private func head() -> String {
      "      ms  "
        + timeline.lanes.map { lane in
          let title = LanesView.cut(PlainText.shown(lane.title), width - 1)
          return title + String(repeating: " ", count: width - title.count)
        }.joined()
    }

    private func bar(_ lane: Int) -> Character {
      switch states[lane] {
      case .none, .gone: " "
      case .runs: "│"
      case .sleeps: "░"
      }
    }

    /// A line of all columns, with the text in one of them, and an arrow to it.
    private func line(_ row: LaneRows.Row, _ text: String, hasArrow: Bool) -> String {
      var cells = [Character](repeating: " ", count: width * timeline.lanes.count)
      for lane in timeline.lanes.indices { cells[lane * width] = bar(lane) }
      let start = row.lane * width
      func put(_ text: String, at place: Int) {
        for (index, character) in text.enumerated() where place + index < cells.count {
          cells[place + index] = character
        }
      }
      guard hasArrow, let from = row.arrowFrom, from != row.lane else {
        put(LanesView.cut(text, width - 3), at: start + 2)
        return String(cells)
      }
      if from < row.lane {
        // From the left: over the columns between, to the line of this one.
        for place in (from * width + 2)..<(start - 1) {
          cells[place] = cells[place] == " " || place % width != 0 ? "─" : cells[place]
        }
        cells[from * width + 1] = "●"
        cells[start - 1] = "▶"
        put(LanesView.cut(text, width - 3), at: start + 2)
      } else {
        let shown = LanesView.cut(text, width - 6)
        put(shown, at: start + 2)
        let arrow = start + 2 + shown.count + 1
        for place in arrow..<(from * width) {
          cells[place] = cells[place] == " " || place % width != 0 ? "─" : cells[place]
        }
        cells[arrow] = "◀"
      }
      return String(cells)
    }
  }
}
