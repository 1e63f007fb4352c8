import Glibc

/// What ended the sleep in a call: another thread's call, or the end of a process.
extension TimelineBuilder {
  /// A sleep that no recorded call has ended.
  struct UnexplainedSleep {
    let call: SleepTable.Call
    let lane: Int
    let time: UInt64
  }

  private static var mostUnexplained: Int { 1000 }

  /// A call in which the thread slept has ended: shows what ended the sleep.
  mutating func explain(
    _ call: SleepTable.Call, _ result: Int64, _ errno: Int32, _ lane: Int, _ time: UInt64
  ) {
    // The time was up, or a signal came.
    if result == -1, [EAGAIN, ETIMEDOUT, EINTR].contains(errno) { return }
    if let waker = call.wakers.waker(call.role, result: result) {
      wake(call, lane, time, by: waker.lane, since: waker.time)
    } else if call.place != nil, unexplained.count < Self.mostUnexplained {
      unexplained.append(UnexplainedSleep(call: call, lane: lane, time: time))
    }
  }

  private mutating func wake(
    _ call: SleepTable.Call, _ lane: Int, _ time: UInt64, by waker: Int, since begin: UInt64
  ) {
    total(waker, call.channel) { $0.wakeUps += 1 }
    arrow(.wakeUp, waker, begin, lane, time, "wakes \(call.call.name)", channel: call.channel)
  }

  /// A process that was killed has said nothing. The kernel has closed what it had, which ended the sleep of others.
  mutating func explainSleeps(_ ends: [Int32: (time: UInt64, ending: String?)]) {
    let killed = processes.filter { !$0.value.saidEnd && (ends[$0.key] != nil || $0.value.endedAt != nil) }
    guard !killed.isEmpty else { return }
    let held = killed.mapValues(\.held)
    for sleep in unexplained {
      let found = killed.filter { id, process in
        id != sleep.call.process && process.lastEvent <= sleep.time
          && sleep.call.place.map { held[id]!.contains($0) } ?? false
      }
      // The one that was heard of last.
      guard
        let (id, process) = found.max(by: { ($0.value.lastEvent, $0.key) < ($1.value.lastEvent, $1.key) }),
        let lane = lastLane[id]
      else { continue }
      wake(sleep.call, sleep.lane, sleep.time, by: lane, since: process.lastEvent)
    }
  }

  /// The calls in which threads slept when their process ended.
  mutating func endCalls(_ ends: [Int32: (time: UInt64, ending: String?)]) {
    for (lane, call) in sleeps.calls where call.call.waits {
      guard let end = processes[call.process]?.endedAt ?? ends[call.process]?.time else { continue }
      total(lane, call.channel) { $0.blocked += end - min(call.begin, end) }
    }
  }
}

extension TraceEvent.Content {
  /// Whether it is a step of sending a message: what a thread says after the message before.
  var isPartOfSending: Bool {
    switch self {
    case .callBegins, .callEnds, .published, .consumed, .descriptor: true
    default: false
    }
  }
}
