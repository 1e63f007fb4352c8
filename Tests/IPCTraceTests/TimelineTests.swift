import IPCTrace
import Measurement
import Testing

/// Events put in order.
struct TimelineTests {
  @Test("a message, a sleep and what ended it")
  func conversation() throws {
    let timeline = MadeEvents.conversation.timeline()
    #expect(timeline.lanes.map(\.title) == ["program part1 1", "program part2 2"])
    #expect(timeline.channels.map(\.mechanism) == ["pipe"])
    #expect(timeline.channels.map(\.object) == ["pipe:[77]"])
    let message = try #require(timeline.arrows.first { $0.kind == .message })
    #expect(message.fromLane == 0 && message.toLane == 1 && message.title == "#1, 5 bytes")
    // The receiver said so before the sender's call returned: the message left when that call began.
    let write = try #require(timeline.spans.first { $0.title.hasPrefix("writev") })
    #expect(message.fromTime == write.begin && message.fromTime < message.toTime)
    let wake = try #require(timeline.arrows.first { $0.kind == .wakeUp })
    #expect(wake.fromLane == 0 && wake.toLane == 1 && wake.fromTime == write.begin)
    let read = try #require(timeline.spans.first { $0.title == "read(3, 100 bytes)" })
    #expect(read.isBlocked && read.result == "= 13" && read.channel == 0)
    #expect(timeline.spans.last { $0.title == "read(3, 100 bytes)" }?.result == "= 0: end of file")
    let sums = timeline.totals.filter { $0.channel == 0 }
    #expect(
      sums.map(\.sent) == [1, 0] && sums.map(\.received) == [0, 1] && sums.map(\.bytesReceived) == [0, 5])
    #expect(sums.map(\.calls) == [2, 2] && sums.map(\.wakeUps) == [1, 0])
    #expect(sums[0].blocked == 0 && sums[1].blocked == read.end! - read.begin)
  }

  @Test("a call that never ended has no end, also where its process was killed")
  func unfinished() throws {
    var made = MadeEvents()
    made.pipe(1, 1, receives: true, fd: 3, inode: 5)
    made.begin(1, "read", .descriptor(3), bytes: 10, waits: true)
    let timeline = made.timeline(ends: [1: (5_000_000, "killed by signal 9 (Killed)")])
    #expect(timeline.spans.map(\.end) == [nil] && timeline.lanes[0].end == 5_000_000)
    let text = LanesView.text(timeline, .wide)
    #expect(text.contains("╳ killed by signal 9 (Killed) in read(3, 10"))
  }

  @Test("a descriptor's number is another object after its close")
  func reusedDescriptor() {
    var made = MadeEvents()
    made.pipe(1, 1, receives: false, fd: 4, inode: 1)
    made.begin(1, "close", .descriptor(4))
    made.end(1, 0)
    made.add(1, .closed(endpoint: 1, passed: false))
    made.add(1, .descriptor(number: 4, object: "file:[9] /tmp/x"))
    made.begin(1, "write", .descriptor(4), bytes: 3)
    made.end(1, 3)
    let timeline = made.timeline()
    #expect(timeline.totals.first { $0.channel == 0 }?.calls == 1)
    #expect(timeline.totals.first { $0.channel == nil }?.calls == 1)
  }

  @Test("an object stays the channel's while another endpoint of the process has it")
  func sharedObject() {
    var made = MadeEvents()
    for (number, receives) in [(Int32(1), false), (2, true)] {
      made.add(
        1,
        .opened(
          .init(number: number, isReceiver: receives, mechanism: "queue", objects: ["queue:7"], sender: 0)))
    }
    made.add(1, .closed(endpoint: 2, passed: true))
    made.begin(1, "msgsnd", .queue(7), bytes: 3)
    made.end(1, 0)
    made.add(1, .closed(endpoint: 1, passed: false))
    made.begin(1, "msgctl", .queue(7))
    made.end(1, 0)
    #expect(made.timeline().totals.map(\.calls) == [1, 1])
  }

  @Test("several senders: each message is its own sender's")
  func severalSenders() {
    var made = MadeEvents()
    for process in [Int32(1), 2, 3] {
      made.add(
        process,
        .opened(
          .init(
            number: 1, isReceiver: process == 3, mechanism: "queue", objects: ["queue:7"],
            sender: UInt32(process * 100))))
    }
    made.sent(1, 1, 1, sender: 100)
    made.sent(2, 1, 1, sender: 200)
    made.sent(1, 1, 2, sender: 100)
    made.received(3, 1, 1, sender: 200)
    made.received(3, 1, 2, sender: 100)
    made.received(3, 1, 3, sender: 100)
    let arrows = made.timeline().arrows
    #expect(
      arrows.map(\.fromLane) == [1, 0, 0]
        && arrows.map(\.title) == ["#1, 5 bytes", "#1, 5 bytes", "#2, 5 bytes"])
    #expect(made.timeline().channels.map(\.object) == ["queue 7"])
  }

  @Test("a futex is the same word in both processes, wherever the memory lies")
  func futexWords() {
    var made = MadeEvents()
    for (process, address, receives) in [(Int32(1), 0x7000_0000, false), (2, 0x5000_0000, true)] {
      made.add(
        process,
        .opened(
          .init(
            number: 1, isReceiver: receives, mechanism: "memory",
            objects: ["segment:9", "memory:\(address)+8192"], sender: 0)))
    }
    made.begin(2, "futex", .word(0x5000_0000 + 384, operation: 0), waits: true)
    made.begin(1, "futex", .word(0x7000_0000 + 512, operation: 1))
    made.end(1, 0)
    made.begin(1, "futex", .word(0x7000_0000 + 384, operation: 1))
    made.end(1, 1)
    made.end(2, 0, slept: true)
    let timeline = made.timeline()
    let wakes = timeline.arrows.filter { $0.kind == .wakeUp }
    #expect(wakes.count == 1)
    #expect(wakes.first?.fromTime == timeline.spans.last { $0.lane == 0 }?.begin)
    #expect(
      timeline.channels.map(\.object) == ["segment 9"] && timeline.totals.allSatisfy { $0.channel == 0 })
  }

  @Test("threads that do something have lanes of their own, and one that only watches doesn't")
  func threads() {
    var made = MadeEvents()
    made.pipe(1, 1, receives: false, fd: 4, inode: 1)
    made.begin(1, "writev", .descriptor(4), bytes: 3)
    made.end(1, 3)
    made.add(1, thread: 20, .thread(name: "ipc-m0"))
    made.add(1, thread: 20, .taskRuns(task: 0xABC, thread: 0, processor: 1))
    made.add(1, thread: 20, .taskStops(task: 0xABC, thread: 0))
    made.add(1, thread: 30, .thread(name: "ipc-liveness"))
    made.begin(1, thread: 30, "epoll_wait", .descriptor(9), waits: true)
    made.end(1, thread: 30, 1, slept: true)
    let timeline = made.timeline()
    #expect(timeline.lanes.map(\.title) == ["program part1 1", "ipc-m0 20"])
    #expect(timeline.spans.map(\.title) == ["writev(4, 3 bytes)", "task 1 on M0 with P1"])
    #expect(timeline.spans.map(\.lane) == [0, 1])
    // Its call counts all the same.
    #expect(timeline.totals.reduce(0) { $0 + $1.calls } == 2)
  }

  @Test("a process that did nothing on a channel has no lane")
  func quietProcess() {
    var made = MadeEvents.conversation
    made.begin(3, "fcntl", .descriptor(2))
    made.end(3, 0)
    made.add(3, .ended)
    let timeline = made.timeline()
    #expect(timeline.lanes.map(\.process) == [1, 2])
    #expect(timeline.notes == ["1 more process did nothing on a channel."])
  }

  @Test("a job goes to a worker, and again to another when that has died")
  func jobs() {
    var made = MadeEvents()
    made.add(1, .jobLeased(number: 5, job: 3, worker: 2, before: 0))
    made.add(2, .jobBegins(number: 5))
    made.add(1, .jobLeased(number: 8, job: 3, worker: 4, before: 1))
    made.add(4, .jobBegins(number: 8))
    made.add(4, .jobEnds(number: 8))
    made.add(1, .jobAnswered(number: 8, job: 3, worker: 4, failed: false))
    let timeline = made.timeline()
    #expect(timeline.marks.map(\.kind) == [.jobLeased, .jobLeasedAgain, .jobAnswered])
    #expect(timeline.marks[1].title == "job 3 to worker 4, again: 1 died with it")
    #expect(
      timeline.spans.map(\.title) == ["job 3", "job 3"]
        && timeline.spans.map { $0.end == nil } == [true, false])
    #expect(timeline.arrows.map(\.toLane) == [1, 2, 0] && timeline.arrows.allSatisfy { $0.kind == .job })
  }

  @Test("an actor's call and its answer")
  func actors() {
    var made = MadeEvents()
    made.add(1, .actorCalled(call: 9, function: "Counter.add", arrives: false))
    made.add(2, .actorCalled(call: 9, function: "Counter.add", arrives: true))
    made.add(2, .actorAnswered(call: 9, arrives: false))
    made.add(1, .actorAnswered(call: 9, arrives: true))
    let timeline = made.timeline()
    #expect(timeline.arrows.map(\.kind) == [.actorCall, .actorAnswer])
    #expect(timeline.spans.map(\.title) == ["calls Counter.add", "executes Counter.add"])
    #expect(timeline.spans.allSatisfy { $0.end != nil })
  }

  @Test("a limit keeps the first events, and sums count all")
  func limit() {
    let whole = MadeEvents.conversation.timeline()
    let part = MadeEvents.conversation.timeline(limit: 4)
    #expect(part.spans.count + part.marks.count == 4 && part.leftOut > 0)
    #expect(part.totals == whole.totals)
    // Also sleeps in calls that belong to no channel.
    var made = MadeEvents.conversation
    made.begin(1, "epoll_wait", .descriptor(9), waits: true)
    made.end(1, 1, slept: true)
    #expect(made.timeline(limit: 4).totals == made.timeline().totals)
  }

  @Test("events of several processes are put in order, and late ones of another find their place")
  func order() {
    var order = EventOrder()
    func event(_ process: Int32, _ time: UInt64) -> TraceEvent {
      TraceEvent(process: process, thread: 1, time: time, content: .ended)
    }
    order.add(event(1, 1_000_000_000))
    order.add(event(1, 3_000_000_000))
    order.add(event(2, 2_000_000_000))
    #expect(order.take(now: 2_050_000_000).map(\.time) == [1_000_000_000])
    order.add(event(3, 1_960_000_000))
    #expect(order.take(now: nil).map(\.time) == [1_960_000_000, 2_000_000_000, 3_000_000_000])
  }
}
