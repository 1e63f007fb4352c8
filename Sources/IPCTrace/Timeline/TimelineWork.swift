/// Jobs of pools and calls of actors.
extension TimelineBuilder {
  mutating func addWork(_ content: TraceEvent.Content, _ lane: Int, _ process: Int32, _ time: UInt64) {
    switch content {
    case .jobLeased(let number, let job, let worker, let before):
      mark(
        lane, before > 0 ? .jobLeasedAgain : .jobLeased, time,
        "job \(job) to worker \(worker)\(before > 0 ? ", again: \(before) died with it" : "")")
      matcher.leased[Matcher.WorkKey(worker: worker, number: number)] = (lane, time, job)
    case .jobBegins(let number):
      let key = Matcher.WorkKey(worker: process, number: number)
      let from = matcher.leased.removeValue(forKey: key)
      let title = "job \(from.map { String($0.job) } ?? "number \(number)")"
      matcher.working[key] = work(.job, lane, time, title)
      if let from { arrow(.job, from.lane, from.time, lane, time, title) }
    case .jobEnds(let number):
      let key = Matcher.WorkKey(worker: process, number: number)
      if let span = matcher.working.removeValue(forKey: key) { timeline.spans[span].end = time }
      matcher.done[key] = (lane, time)
    case .jobAnswered(let number, let job, let worker, let failed):
      mark(lane, .jobAnswered, time, "job \(job) \(failed ? "has failed" : "is done")")
      if let from = matcher.done.removeValue(forKey: Matcher.WorkKey(worker: worker, number: number)) {
        arrow(.job, from.lane, from.time, lane, time, "job \(job)\(failed ? " failed" : "")")
      }
    case .actorCalled(let call, let function, let arrives):
      let span = work(.actorCall, lane, time, arrives ? "executes \(function)" : "calls \(function)")
      if arrives {
        matcher.arrived[call] = (lane, time, span)
        if let from = matcher.called[call] {
          arrow(.actorCall, from.lane, from.time, lane, time, function)
        }
      } else {
        matcher.called[call] = (lane, time, span)
      }
    case .actorAnswered(let call, let arrives):
      if !arrives {
        if let begun = matcher.arrived.removeValue(forKey: call), let span = begun.span {
          timeline.spans[span].end = time
        }
        matcher.answered[call] = (lane, time)
      } else {
        if let begun = matcher.called.removeValue(forKey: call), let span = begun.span {
          timeline.spans[span].end = time
        }
        if let from = matcher.answered.removeValue(forKey: call) {
          arrow(.actorAnswer, from.lane, from.time, lane, time, "answer")
        }
      }
    default: break
    }
  }
}
