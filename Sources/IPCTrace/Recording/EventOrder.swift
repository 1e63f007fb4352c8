/// Puts the events of several processes in the order of their times. Each process's come in their own order; those of another may
/// come later, and be earlier: an event is held back for a while.
package struct EventOrder {
  /// How long after an event those before it may still come, in nanoseconds: longer than a thread that has read the clock takes
  /// to write the event, unless it is stopped there.
  private static let delay: UInt64 = 100_000_000

  private var waiting: [TraceEvent] = []

  package init() {}

  package mutating func add(_ event: TraceEvent) { waiting.append(event) }

  /// The events before which none comes any more, in order.
  /// - Parameter now: CLOCK_MONOTONIC when the last reading began; nil: no event comes any more.
  package mutating func take(now: UInt64?) -> [TraceEvent] {
    // By their places as well: those of one process and moment keep their order.
    let sorted = waiting.enumerated().sorted { ($0.element.time, $0.offset) < ($1.element.time, $1.offset) }
      .map(\.element)
    guard let now else {
      waiting = []
      return sorted
    }
    let limit = now > Self.delay ? now - Self.delay : 0
    let count = sorted.firstIndex { $0.time > limit } ?? sorted.count
    waiting = Array(sorted[count...])
    return Array(sorted[..<count])
  }
}
