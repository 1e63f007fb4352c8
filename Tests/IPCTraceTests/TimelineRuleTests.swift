import IPCTrace
import Measurement
import Testing

/// The rules by which events are put together, where events are lost, calls overlap, and processes are killed.
struct TimelineRuleTests {
  @Test("both directions of a socket: what one sends, the other receives")
  func duplex() {
    var made = MadeEvents()
    for process in [Int32(1), 2] {
      made.add(process, .descriptor(number: 5, object: "unix:[7-8]"))
      made.add(
        process, .opened(.init(number: 1, isReceiver: false, mechanism: "unix", objects: ["fd:5"], sender: 0))
      )
      made.add(
        process, .opened(.init(number: 2, isReceiver: true, mechanism: "unix", objects: ["fd:5"], sender: 0)))
    }
    made.sent(1, 1, 1)
    made.sent(2, 1, 1)
    made.received(1, 2, 1)
    made.received(2, 2, 1)
    let arrows = made.timeline().arrows
    #expect(arrows.map(\.fromLane) == [1, 0] && arrows.map(\.toLane) == [0, 1])
  }

  @Test("a message that the trace lost doesn't move those after it")
  func lostSent() {
    var made = MadeEvents()
    made.pipe(1, 1, receives: false, fd: 4, inode: 77)
    made.pipe(2, 1, receives: true, fd: 3, inode: 77)
    made.sent(1, 1, 1)
    made.received(2, 1, 1)
    made.received(2, 1, 2)  // sent #2 is lost
    made.sent(1, 1, 3)
    made.received(2, 1, 3)
    let timeline = made.timeline()
    #expect(timeline.arrows.map(\.title) == ["#1, 5 bytes", "#3, 5 bytes"])
    #expect(timeline.arrows.allSatisfy { $0.fromTime < $0.toTime })
    #expect(timeline.arrows.last?.toTime == timeline.marks.last?.time)
  }

  @Test("a message that was received without a record doesn't move those after it")
  func lostReceived() {
    var made = MadeEvents()
    made.pipe(1, 1, receives: false, fd: 4, inode: 77)
    made.pipe(2, 1, receives: true, fd: 3, inode: 77)
    for number in 1...3 { made.sent(1, 1, Int64(number)) }
    made.received(2, 1, 1)
    made.received(2, 1, 3)
    #expect(made.timeline().arrows.map(\.title) == ["#1, 5 bytes", "#3, 5 bytes"])
  }

  @Test("the first write wakes a reader, not one that came while it woke up")
  func firstWrite() {
    var made = MadeEvents()
    made.pipe(1, 1, receives: false, fd: 4, inode: 77)
    made.pipe(2, 1, receives: true, fd: 3, inode: 77)
    made.begin(2, "read", .descriptor(3), bytes: 100, waits: true)
    made.begin(1, "writev", .descriptor(4), bytes: 1); made.end(1, 1)
    made.begin(1, "writev", .descriptor(4), bytes: 2); made.end(1, 2)
    made.end(2, 1, slept: true)
    let timeline = made.timeline()
    #expect(
      timeline.arrows.first?.fromTime == timeline.spans.first { $0.title.contains("writev(4, 1 byte") }?.begin
    )
  }

  @Test("a call that failed wakes no thread")
  func failedWrite() {
    var made = MadeEvents()
    made.pipe(1, 1, receives: false, fd: 4, inode: 77)
    made.pipe(3, 1, receives: false, fd: 4, inode: 77)
    made.pipe(2, 1, receives: true, fd: 3, inode: 77)
    made.begin(2, "read", .descriptor(3), bytes: 100, waits: true)
    made.begin(1, "writev", .descriptor(4), bytes: 1); made.end(1, 1)
    made.begin(3, "pwritev2", .descriptor(4), bytes: 1); made.end(3, -1, errno: 11)
    made.end(2, 1, slept: true)
    #expect(made.timeline().arrows.first?.fromLane == 0)
  }

  @Test("a write that ran already wakes the reader")
  func overlap() {
    var made = MadeEvents()
    made.pipe(1, 1, receives: false, fd: 4, inode: 77)
    made.pipe(2, 1, receives: true, fd: 3, inode: 77)
    // The writer was in its call before the reader began to sleep.
    made.begin(1, "writev", .descriptor(4), bytes: 1)
    made.begin(2, "read", .descriptor(3), bytes: 100, waits: true)
    made.end(1, 1)
    made.end(2, 1, slept: true)
    #expect(made.timeline().arrows.count == 1)
  }

  @Test("a killed writer's end ends the reader's sleep")
  func killedWriter() {
    var made = MadeEvents()
    made.pipe(1, 1, receives: false, fd: 4, inode: 77)
    made.pipe(2, 1, receives: true, fd: 3, inode: 77)
    made.begin(1, "writev", .descriptor(4), bytes: 1); made.end(1, 1)
    made.begin(2, "read", .descriptor(3), bytes: 100, waits: true)
    made.wait(microseconds: 500)
    made.end(2, 0, slept: true)
    let timeline = made.timeline(ends: [1: (1_400_000, "killed by signal 9 (Killed)")])
    #expect(timeline.arrows.map(\.kind) == [.wakeUp] && timeline.arrows.first?.fromLane == 0)
  }

  @Test("control characters don't reach the terminal, nor what it can't show, nor a longer line")
  func terminal() {
    var builder = TimelineBuilder()
    var made = MadeEvents.conversation
    made.add(1, .actorCalled(call: 1, function: "f\u{1B}[2J", arrives: false))
    made.add(1, .note("says\u{7}\u{9B}31m"))
    made.add(1, .thread(name: "a\u{8}"))
    for event in made.events { builder.add(event) }
    let timeline = builder.finish(
      processes: [1, 2].map {
        TracedProcess(
          id: $0, parent: 0, start: made.events[0].time, wallStart: 0,
          command: ["/bin/p\u{1B}[31mred", "x\ty"])
      },
      ends: [:])
    for width in [40, 80, 160] {
      let layout = TextLayout(width: width, isASCII: true)
      let text = LanesView.text(timeline, layout) + SummaryView.text(timeline, layout)
      #expect(!text.unicodeScalars.contains { ($0.value < 32 && $0 != "\n") || $0.value == 0x7F })
      #expect(text.utf8.allSatisfy { $0 < 128 })
      #expect(!text.contains("?"))
      #expect(text.split(separator: "\n").allSatisfy { $0.count <= width })
    }
  }

  @Test("a call without a recorded end ends with the thread's next one, and counts")
  func lostEnd() {
    var made = MadeEvents()
    made.pipe(1, 1, receives: false, fd: 4, inode: 77)
    made.begin(1, "writev", .descriptor(4), bytes: 1)
    made.begin(1, "writev", .descriptor(4), bytes: 2); made.end(1, 2)
    made.begin(1, "writev", .descriptor(4), bytes: 3); made.end(1, 3)
    let timeline = made.timeline()
    #expect(timeline.spans.allSatisfy { $0.end != nil })
    #expect(timeline.totals.first { $0.channel == 0 }?.calls == 3)
  }

  @Test("a sleep that a process was killed in counts")
  func killedAsleep() {
    var made = MadeEvents()
    made.pipe(1, 1, receives: true, fd: 3, inode: 5)
    made.begin(1, "read", .descriptor(3), bytes: 10, waits: true)
    let timeline = made.timeline(ends: [1: (5_000_000, "killed by signal 9 (Killed)")])
    #expect((timeline.totals.first { $0.channel == 0 }?.calls ?? 0) == 1)
    #expect((timeline.totals.first { $0.channel == 0 }?.blocked ?? 0) > 0)
  }

  @Test("an end of file comes from the last close, not from a write before it")
  func endOfFile() throws {
    var made = MadeEvents()
    made.pipe(1, 1, receives: false, fd: 4, inode: 77)
    made.pipe(2, 1, receives: true, fd: 3, inode: 77)
    made.begin(2, "read", .descriptor(3), bytes: 100, waits: true)
    made.begin(1, "close", .descriptor(4))
    made.end(1, 0)
    made.begin(1, "write", .descriptor(4), bytes: 1)
    made.end(1, -1, errno: 9)
    made.end(2, 0, slept: true)
    let timeline = made.timeline()
    let close = try #require(timeline.spans.first { $0.title == "close(4)" })
    #expect(timeline.arrows.map(\.fromTime) == [close.begin])
  }

  @Test("a semaphore's sleeper is woken by a step on the one that it waits for")
  func semaphores() {
    var made = MadeEvents()
    for process in [Int32(1), 2] {
      made.add(
        process,
        .opened(
          .init(
            number: 1, isReceiver: process == 2, mechanism: "semaphore", objects: ["semaphores:7"], sender: 0)
        ))
    }
    func steps(_ semaphore: UInt64, _ change: Int8) -> UInt64 {
      1 | (semaphore | UInt64(UInt8(bitPattern: change)) << 4) << 3
    }
    made.begin(2, "semtimedop", .semaphores(7), detail: steps(1, -1), waits: true)
    made.begin(1, "semtimedop", .semaphores(7), detail: steps(1, 1))
    made.end(1, 0)
    made.begin(1, "semtimedop", .semaphores(7), detail: steps(0, 1))
    made.end(1, 0)
    made.end(2, 0, slept: true)
    let timeline = made.timeline()
    #expect(timeline.spans.map(\.title).prefix(2) == ["semtimedop(7, [1]-1)", "semtimedop(7, [1]+1)"])
    #expect(timeline.arrows.map(\.fromTime) == [timeline.spans[1].begin])
    #expect(timeline.totals.first { $0.lane == 0 }?.wakeUps == 1)
  }

  @Test("a thread in epoll_wait(2) is woken by a write to what its process has told epoll")
  func epoll() {
    var made = MadeEvents()
    made.pipe(1, 1, receives: false, fd: 4, inode: 77)
    made.pipe(2, 1, receives: true, fd: 3, inode: 77)
    made.add(2, .descriptor(number: 9, object: "anon_inode:[eventpoll]"))
    made.begin(2, "epoll_ctl", .descriptor(3), detail: 1)
    made.end(2, 0)
    made.begin(2, "epoll_wait", .descriptor(9), waits: true)
    made.begin(1, "writev", .descriptor(4), bytes: 1)
    made.end(1, 1)
    made.end(2, 1, slept: true)
    made.begin(2, "epoll_ctl", .descriptor(3), detail: 2)
    made.end(2, 0)
    made.begin(2, "epoll_wait", .descriptor(9), waits: true)
    made.begin(1, "writev", .descriptor(4), bytes: 1)
    made.end(1, 1)
    made.end(2, 0, slept: true)
    let arrows = made.timeline().arrows
    #expect(arrows.map(\.kind) == [.wakeUp] && arrows.first?.toLane == 1)
  }

  @Test("a sleep that a timeout ended has no waker")
  func timeout() {
    var made = MadeEvents()
    made.pipe(1, 1, receives: false, fd: 4, inode: 77)
    made.pipe(2, 1, receives: true, fd: 3, inode: 77)
    made.begin(2, "mq_timedreceive", .descriptor(3), bytes: 100, waits: true)
    made.begin(1, "mq_timedsend", .descriptor(4), bytes: 1)
    made.end(1, -1, errno: 110)
    made.end(2, -1, errno: 110, slept: true)
    #expect(made.timeline().arrows.isEmpty)
  }
}
