package import Measurement

/// What each process did on each channel, as a table.
package enum SummaryView {
  package static func text(_ timeline: Timeline, _ layout: TextLayout) -> String {
    var table = Table(
      [
        ("process", .left), ("channel", .left), ("sent", .right), ("received", .right), ("bytes", .right),
        ("calls", .right), ("blocked", .right), ("wakes", .right),
      ], leastImportant: ["bytes", "wakes"])
    for total in timeline.totals {
      let channel = total.channel.map { timeline.channels[$0] }
      table.add([
        PlainText.shown(timeline.lanes[total.lane].title),
        channel.map { PlainText.shown("\($0.mechanism) \($0.object)") } ?? "(no channel)",
        number(total.sent), number(total.received), number(total.bytesSent + total.bytesReceived),
        number(total.calls), total.blocked == 0 ? "" : LaneRows.duration(total.blocked),
        number(total.wakeUps),
      ])
    }
    return "\n" + table.text(layout)
      + layout.wrapped(
        """


        sent, received: messages. bytes: of these messages. calls: system calls on the channel's descriptors and objects. \
        blocked: how long threads slept in these calls, one after the other and side by side. wakes: how many sleeps of \
        other threads its calls have ended. (no channel): calls that belong to none.
        """)
  }

  private static func number(_ value: Int) -> String { value == 0 ? "" : String(value) }
}
