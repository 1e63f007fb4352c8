import Foundation
import IPCTrace
import Measurement
import Testing

/// What the views make of a timeline.
struct TraceViewTests {
  private static let hostile = "</script><img src=x onerror=alert(1)>\u{1B}[31m\"\n"

  private func lanes(_ width: Int?, isASCII: Bool = false) -> String {
    LanesView.text(MadeEvents.conversation.timeline(), TextLayout(width: width, isASCII: isASCII))
  }

  @Test("lanes beside each other, with an arrow where the message arrives")
  func columns() {
    let lines = lanes(90).split(separator: "\n").map(String.init)
    #expect(
      Array(lines.prefix(12)) == [
        "      ms  program part1 1                         program part2 2",
        "   0.001  │ sender of pipe pipe:[77]",
        "   0.003  │                                       │ receiver of pipe pipe:[77]",
        "   0.004  │                                       │ read(3, 100 bytes)",
        "   0.505  │ » sends hello                         ░",
        "   0.506  │ writev(4, 13 bytes) = 13              ░",
        "   0.507  │●─────────────────────────────────────▶│ read = 13 · slept 503 µs",
        "   0.508  │●─────────────────────────────────────▶│ received #1, 5 bytes",
        "   0.510  │ sent #1, 5 bytes                      │",
        "   0.511  │ close(4)                              │",
        "   0.513  │ the sender is closed                  │",
        "   0.514  │                                       │ read(3, 100 bytes) = 0: end of file",
      ])
    #expect(
      lines[12] == "   0.516  │                                       │ ╳ ended" || lines[12].contains("╳"))
  }

  @Test("no line is wider than the terminal", arguments: [40, 60, 80, 120, 200])
  func widths(_ width: Int) {
    for isASCII in [false, true] {
      for line in lanes(width, isASCII: isASCII).split(separator: "\n") {
        #expect(line.count <= width, "\(line)")
        #expect(!isASCII || line.utf8.allSatisfy { $0 >= 32 && $0 < 127 })
      }
    }
  }

  @Test("where columns have no room, each row begins with its lane's name")
  func narrow() {
    let lines = lanes(50).split(separator: "\n")
    #expect(lines.contains { $0.contains("…") || $0.contains("part2 2") })
    #expect(lines.contains { $0.contains("received #1, 5 bytes ◀") })
  }

  @Test("the summary has a row for each process and channel")
  func summary() {
    let text = SummaryView.text(MadeEvents.conversation.timeline(), TextLayout(width: 120, isASCII: false))
    #expect(text.contains("program part1 1") && text.contains("pipe pipe:[77]"))
    #expect(text.contains("blocked:") && text.contains("wakes:"))
  }

  @Test("what a trace says can't end the page's script or its table, or reach a terminal as an escape")
  func hostileText() throws {
    var made = MadeEvents()
    made.add(1, .note(Self.hostile))
    made.add(
      1,
      .opened(.init(number: 1, isReceiver: false, mechanism: Self.hostile, objects: ["queue:1"], sender: 0)))
    made.add(1, .sent(endpoint: 1, number: 1, bytes: 5, sender: 0, payload: Array(Self.hostile.utf8)))
    let timeline = made.timeline()
    let page = HTMLTimeline.pieces(timeline, title: Self.hostile, machine: Self.hostile).joined()
    #expect(!page.contains("<img") && page.components(separatedBy: "</script>").count == 3)
    #expect(!page.contains("\u{1B}"))
    #expect(!LanesView.text(timeline, .wide).contains("\u{1B}"))
    let json = PerfettoTrace.pieces(timeline).joined()
    _ = try JSONSerialization.jsonObject(with: Data(json.utf8))
  }

  @Test("the page asks for nothing from elsewhere, and has the events as a table")
  func page() throws {
    let page = HTMLTimeline.pieces(MadeEvents.conversation.timeline(), title: "a", machine: "b").joined()
    for word in ["src=", "href=\"http", "url(", "fetch(", "import "] {
      #expect(!page.contains(word), "\(word)")
    }
    #expect(page.contains("default-src 'none'"))
    #expect(page.contains("<td>program part2 2</td><td>received #1, 5 bytes</td><td>program part1 1</td>"))
    // The data is JSON.
    let start = try #require(page.range(of: "id=\"data\">")?.upperBound)
    let end = try #require(page.range(of: "</script>", range: start..<page.endIndex)?.lowerBound)
    let data = try JSONSerialization.jsonObject(with: Data(page[start..<end].utf8)) as? [String: Any]
    #expect((data?["spans"] as? [Any])?.count == MadeEvents.conversation.timeline().spans.count)
    #expect((data?["lanes"] as? [Any])?.count == 2)
  }

  @Test("Chrome's trace events: complete calls, begun ones that never ended, and flows in pairs")
  func perfetto() throws {
    var made = MadeEvents.conversation
    made.pipe(2, 5, receives: true, fd: 8, inode: 99)
    made.begin(2, "read", .descriptor(8), bytes: 1, waits: true)
    let text = PerfettoTrace.pieces(made.timeline()).joined()
    let document = try #require(
      try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    let events = try #require(document["traceEvents"] as? [[String: Any]])
    func phase(_ name: String) -> [[String: Any]] { events.filter { $0["ph"] as? String == name } }
    #expect(phase("M").count == 4 && phase("B").count == 1)
    let (starts, ends) = (phase("s"), phase("f"))
    #expect(
      starts.count == 2 && starts.compactMap { $0["id"] as? Int } == ends.compactMap { $0["id"] as? Int })
    for (start, end) in zip(starts, ends) {
      #expect(try #require(start["ts"] as? Double) <= #require(end["ts"] as? Double))
      #expect(start["pid"] as? Int == 1 && end["pid"] as? Int == 2)
      // Each end lies in a slice, to which it binds.
      for flow in [start, end] {
        let time = try #require(flow["ts"] as? Double)
        #expect(
          phase("X").contains { slice in
            guard let begin = slice["ts"] as? Double, let duration = slice["dur"] as? Double else {
              return false
            }
            return slice["pid"] as? Int == flow["pid"] as? Int && begin <= time && time <= begin + duration
          })
      }
    }
    for event in events where event["ph"] as? String != "M" {
      #expect(event["ts"] is Double && event["pid"] is Int && event["tid"] is Int)
    }
    let read = try #require(phase("X").first { ($0["name"] as? String)?.hasPrefix("read(3") == true })
    #expect((read["args"] as? [String: Any])?["slept"] as? String == "yes" && read["dur"] as? Double == 503)
  }
}
