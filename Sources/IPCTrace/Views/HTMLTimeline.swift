import Measurement

/// A trace as one HTML page that needs nothing else: a timeline to zoom, search and walk through with the keyboard, and the same
/// as tables. Its script and its style lie in `Page`.
package enum HTMLTimeline {
  /// The table of events ends after so many: a browser that lays out more is slow.
  private static let mostRows = 5000

  /// The page in pieces.
  /// - Parameters:
  ///   - title: what was traced.
  ///   - machine: where, in words.
  package static func pieces(_ timeline: Timeline, title: String, machine: String) -> [String] {
    var pieces = [
      """
      <!doctype html>
      <html lang="en">
      <head>
      <meta charset="utf-8">
      <meta name="viewport" content="width=device-width, initial-scale=1">
      <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
      <title>Trace: \(escaped(title))</title>
      <style>
      \(text(PackageResources.timeline_css))
      </style>
      </head>
      <body>
      <header>
      <a class="skip" href="#events">To the events as a table</a>
      <h1>\(escaped(title))</h1>
      <p class="dim">\(count(timeline.lanes.count, "lane")), \(count(timeline.spans.count + timeline.marks.count, "event")) in \(LaneRows.duration(timeline.end - timeline.start)). \(escaped(machine)). Recorded by the processes themselves; times are CLOCK_MONOTONIC.</p>

      """
    ]
    let notes =
      timeline.notes
      + (timeline.leftOut > 0
        ? [
          "\(timeline.leftOut) events after these aren't drawn: ipc trace --limit 0 draws all. The sums count them."
        ] : [])
    if !notes.isEmpty {
      pieces.append("<div class=\"notes\">\(notes.map { "<p>\(escaped($0))</p>" }.joined())</div>\n")
    }
    pieces.append("</header>\n<main>\n")
    pieces.append(controls(timeline))
    pieces.append(summary(timeline))
    pieces += events(timeline)
    pieces.append("</main>\n<script type=\"application/json\" id=\"data\">")
    pieces += data(timeline)
    pieces.append("</script>\n<script>\n\(text(PackageResources.timeline_js))</script>\n</body>\n</html>\n")
    return pieces
  }

  private static func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

  private static func count(_ number: Int, _ what: String) -> String {
    "\(number) \(what)\(number == 1 ? "" : "s")"
  }

  private static func escaped(_ text: String) -> String { PlainText.escaped(PlainText.shown(text)) }

  // MARK: The timeline and its controls

  private static func controls(_ timeline: Timeline) -> String {
    let kinds = [
      ("call", "calls"), ("task", "tasks"), ("work", "jobs, actors' calls"), ("message", "messages"),
      ("wake", "wake-ups"), ("note", "the program's words"), ("event", "other events"),
    ]
    let boxes = kinds.map { "<label><input type=\"checkbox\" checked data-kind=\"\($0.0)\"> \($0.1)</label>" }
    let channels = timeline.channels.enumerated().map { index, channel in
      "<label><input type=\"checkbox\" checked data-channel=\"\(index)\"> \(escaped(channel.mechanism)) \(escaped(channel.object))</label>"
    }
    return """
      <div class="bar">
      <input type="search" id="search" placeholder="search: write, #3, EAGAIN …" aria-label="Search the events">
      <span id="found" role="status" class="dim"></span>
      <button type="button" id="in" aria-label="Zoom in">+</button>
      <button type="button" id="out" aria-label="Zoom out">−</button>
      <button type="button" id="fit">all</button>
      </div>
      <details><summary>What is drawn</summary>
      <fieldset><legend>kinds</legend>\(boxes.joined())</fieldset>
      \(channels.isEmpty ? "" : "<fieldset><legend>channels</legend>\(channels.joined())</fieldset>")
      </details>
      <div id="stage" tabindex="0" role="application" aria-label="Timeline: a lane for each process; arrow keys go from event to event, Enter follows an arrow" aria-describedby="detail"><canvas></canvas></div>
      <div id="detail" role="status" aria-live="polite"></div>
      <ul class="legend">
      <li><i class="call"></i>a system call, from its begin to its end</li>
      <li><i class="blocked"></i>the thread slept in it, or it never ended</li>
      <li><i class="failed"></i>it failed (✕)</li>
      <li><i class="task"></i>a task's turn</li>
      <li><i class="work"></i>a job, an actor's call</li>
      <li><i class="message"></i>a message: ▲ sent, ▼ received</li>
      <li><i class="wake"></i>woke a thread that slept</li>
      </ul>
      <details id="keys"><summary>Keys</summary>
      <p>On the timeline: <kbd>←</kbd> <kbd>→</kbd> the event before and after in the lane, <kbd>↑</kbd> <kbd>↓</kbd> another lane, <kbd>Enter</kbd> to where an arrow leads or comes from, <kbd>+</kbd> <kbd>−</kbd> zoom, <kbd>Shift</kbd> and arrows move, <kbd>0</kbd> all of it, <kbd>/</kbd> search, <kbd>n</kbd> <kbd>p</kbd> the next and the previous match, <kbd>?</kbd> these keys. With a mouse: the wheel zooms, dragging moves.</p>
      </details>

      """
  }

  // MARK: Tables

  private static func summary(_ timeline: Timeline) -> String {
    func number(_ value: Int) -> String { "<td class=\"number\">\(value == 0 ? "" : String(value))</td>" }
    let rows = timeline.totals.map { total in
      let channel = total.channel.map { timeline.channels[$0] }
      return
        "<tr><td>\(escaped(timeline.lanes[total.lane].title))</td><td>\(channel.map { escaped("\($0.mechanism) \($0.object)") } ?? "none")</td>"
        + number(total.sent) + number(total.received) + number(total.bytesSent) + number(total.bytesReceived)
        + number(total.calls)
        + "<td class=\"number\">\(total.blocked == 0 ? "" : LaneRows.duration(total.blocked))</td>"
        + number(total.wakeUps) + "</tr>\n"
    }
    return """
      <h2>What each process did on each channel</h2>
      <p class="dim">Sent and received: messages, and their bytes. Calls: system calls on the channel's descriptors and objects. Blocked: how long threads slept in them. Wakes: how many sleeps of other threads these calls have ended. None: calls that belong to no channel.</p>
      <div class="scroll"><table><thead><tr><th>process</th><th>channel</th><th class="number">sent</th><th class="number">received</th><th class="number">bytes sent</th><th class="number">bytes received</th><th class="number">calls</th><th class="number">blocked</th><th class="number">wakes</th></tr></thead><tbody>
      \(rows.joined())</tbody></table></div>

      """
  }

  private static func events(_ timeline: Timeline) -> [String] {
    let rows = LaneRows(timeline, most: mostRows)
    var pieces = [
      "<details id=\"events\"><summary>The events as a table</summary>\n<div class=\"scroll\"><table><thead><tr><th class=\"number\">ms</th><th>lane</th><th>what</th><th>from</th></tr></thead><tbody>\n"
    ]
    for row in rows.rows {
      let from = row.arrowFrom.map { $0 == row.lane ? "" : escaped(timeline.lanes[$0].title) } ?? ""
      pieces.append(
        "<tr><td class=\"number\">\(JSONText.microseconds((row.time - min(row.time, timeline.start)) / 1000))</td><td>\(escaped(timeline.lanes[row.lane].title))</td><td>\(escaped(row.text))</td><td>\(from)</td></tr>\n"
      )
    }
    pieces.append("</tbody></table></div>")
    if rows.leftOut > 0 {
      pieces.append("<p>\(rows.leftOut) more aren't in this table; the timeline has them.</p>")
    }
    pieces.append("</details>\n")
    return pieces
  }

  // MARK: Data

  private static func data(_ timeline: Timeline) -> [String] {
    func time(_ nanoseconds: UInt64) -> String { String(nanoseconds - min(nanoseconds, timeline.start)) }
    func list<Element>(_ elements: [Element], _ one: (Element) -> String) -> [String] {
      elements.enumerated().map { ($0.offset == 0 ? "" : ",\n") + one($0.element) }
    }
    var pieces = ["{\"end\":\(time(timeline.end)),\"channels\":["]
    pieces += list(timeline.channels) { JSONText.string("\($0.mechanism) \($0.object)") }
    pieces.append("],\n\"lanes\":[")
    pieces += list(timeline.lanes) { lane in
      "{\"title\":\(JSONText.string(lane.title)),\"command\":\(JSONText.string(lane.command)),\"begin\":\(time(lane.begin)),\"end\":\(lane.end.map(time) ?? "null"),\"ending\":\(lane.ending.map(JSONText.string) ?? "null")}"
    }
    pieces.append("],\n\"spans\":[")
    pieces += list(timeline.spans) { span in
      let flags = (span.isBlocked ? 1 : 0) | (span.failed ? 2 : 0)
      return
        "[\(span.lane),\"\(span.kind.rawValue)\",\(time(span.begin)),\(span.end.map(time) ?? "-1"),\(JSONText.string(span.title)),\(JSONText.string(span.result)),\(flags),\(span.channel ?? -1),\(JSONText.string(span.object))]"
    }
    pieces.append("],\n\"marks\":[")
    pieces += list(timeline.marks) { mark in
      "[\(mark.lane),\"\(mark.kind.rawValue)\",\(time(mark.time)),\(JSONText.string(mark.title)),\(mark.channel ?? -1),\(JSONText.string(PlainText.shown(mark.payload)))]"
    }
    pieces.append("],\n\"arrows\":[")
    pieces += list(timeline.arrows) { arrow in
      "[\"\(arrow.kind.rawValue)\",\(arrow.fromLane),\(time(arrow.fromTime)),\(arrow.toLane),\(time(arrow.toTime)),\(JSONText.string(arrow.title)),\(arrow.channel ?? -1)]"
    }
    pieces.append("]}")
    return pieces
  }
}
