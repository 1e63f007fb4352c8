/// The end of the building: which process or thread is which lane.
extension TimelineBuilder {
  /// - Parameters:
  ///   - known: the processes, as their files say.
  ///   - ends: when processes were seen to be gone, and how they ended, where that is known.
  ///   - notes: what the reader has to say.
  package mutating func finish(
    processes known: [TracedProcess], ends: [Int32: (time: UInt64, ending: String?)], notes: [String] = []
  ) -> Timeline {
    timeline.notes = notes
    explainSleeps(ends)
    endCalls(ends)
    var places = [Int](repeating: -1, count: lanes.count)
    var result: [Timeline.Lane] = []
    let ids = known.map(\.id)
    let byID = Dictionary(known.map { ($0.id, $0) }) { first, _ in first }
    let threadsOf = Dictionary(grouping: lanes.indices) { lanes[$0].process }
    let others = Set(lanes.map(\.process)).subtracting(ids).sorted()
    let telling = tellingLanes
    var quiet = 0
    for id in ids + others {
      let process = byID[id]
      let threads = threadsOf[id] ?? []
      if let process, process.lost > 0 {
        timeline.notes.append(
          "\(process.lost) events of process \(id) found no room: IPC_TRACE_EVENTS=\(1 << 20) gives more")
      }
      // A process that did nothing on a channel would be an empty column.
      if !threads.contains(where: telling.contains), !telling.isEmpty {
        quiet += 1
        continue
      }
      let active = threads.filter { isActive.contains($0) }
      let isSplit = active.count > 1
      let name = LaneName.text(process?.command ?? [])
      func lane(_ thread: Int?) -> Timeline.Lane {
        let end = ends[id]
        let threadID = thread.map { lanes[$0].thread }
        let isMain = threadID.map { $0 == UInt32(bitPattern: id) } ?? true
        // Swift's own pool names its threads after a queue, cut in the middle: "r-initiated-qos".
        let ownName = thread.flatMap { threadNames[lanes[$0]] } ?? ""
        let threadName = ownName.hasSuffix("-qos") ? "swift-pool" : ownName
        // A thread without a name of its own has the program's.
        let isNamed = !threadName.isEmpty && process?.command.first?.hasSuffix(threadName) != true
        let title = isMain ? "\(name) \(id)" : "\(isNamed ? threadName : "thread") \(threadID!)"
        return Timeline.Lane(
          process: id, thread: isSplit ? threadID : nil, title: title,
          command: process?.command.joined(separator: " ") ?? "",
          begin: process?.start ?? timeline.start,
          end: self.processes[id]?.endedAt ?? end?.time,
          ending: end?.ending
            ?? (process?.saidEnd == true
              ? "ended" : end != nil ? "gone without a word: killed, or _exit(2)" : nil),
          lost: process?.lost ?? 0)
      }
      if !isSplit {
        guard !threads.isEmpty || process != nil else { continue }
        result.append(lane(nil))
        for thread in threads { places[thread] = result.count - 1 }
        continue
      }
      // The main thread first; what a thread that only watches has to say stands in the first lane.
      let first = result.count
      for thread in active.sorted(by: { lanes[$0].thread < lanes[$1].thread }) {
        result.append(lane(thread))
        places[thread] = result.count - 1
      }
      for thread in threads where !isActive.contains(thread) { places[thread] = first }
    }
    if quiet > 0 {
      timeline.notes.append("\(quiet) more \(quiet == 1 ? "process" : "processes") did nothing on a channel.")
    }
    timeline.lanes = result
    apply(places)
    return timeline
  }

  /// The threads that have something to say beside their end.
  private var tellingLanes: Set<Int> {
    var telling = isActive
    for span in timeline.spans where span.channel != nil { telling.insert(span.lane) }
    for mark in timeline.marks where mark.kind != .ended { telling.insert(mark.lane) }
    return telling
  }

  /// Gives everything its lane.
  private mutating func apply(_ places: [Int]) {
    // A thread that only watches shows none of its waits.
    let drawnLanes = Set(isActive)
    timeline.spans = timeline.spans.compactMap { span in
      guard span.channel != nil || drawnLanes.contains(span.lane) else { return nil }
      var span = span
      span.lane = places[span.lane]
      return span.lane < 0 ? nil : span
    }.sorted { $0.begin < $1.begin }
    timeline.marks = timeline.marks.compactMap { mark in
      // The end of a process is said once, by its lane.
      if mark.kind == .ended, !drawnLanes.contains(mark.lane) { return nil }
      var mark = mark
      mark.lane = places[mark.lane]
      return mark.lane < 0 ? nil : mark
    }
    timeline.arrows = timeline.arrows.compactMap { arrow in
      var arrow = arrow
      arrow.fromLane = places[arrow.fromLane]
      arrow.toLane = places[arrow.toLane]
      return arrow.fromLane < 0 || arrow.toLane < 0 ? nil : arrow
    }.sorted { $0.toTime < $1.toTime }
    var sums: [TotalKey: Timeline.Total] = [:]
    for (key, total) in totals where places[key.lane] >= 0 {
      let place = TotalKey(lane: places[key.lane], channel: key.channel)
      var sum = sums[place] ?? Timeline.Total(lane: place.lane, channel: key.channel)
      sum.add(total)
      sums[place] = sum
    }
    timeline.totals = sums.values.sorted {
      ($0.lane, $0.channel ?? .max) < ($1.lane, $1.channel ?? .max)
    }
  }
}

extension Timeline.Total {
  mutating func add(_ other: Timeline.Total) {
    sent += other.sent
    received += other.received
    bytesSent += other.bytesSent
    bytesReceived += other.bytesReceived
    calls += other.calls
    blocked += other.blocked
    wakeUps += other.wakeUps
  }
}
