import ConcurrencyModels
package import IPC
package import Measurement
import SystemCalls

/// One task that selects over a channel of each mechanism and a timer, all of them under load: whether each gets its share,
/// and every message comes once and in order.
package struct SelectReport: Sendable, Encodable {
  /// One channel.
  package struct Line: Sendable, Encodable {
    package let mechanism: String
    package fileprivate(set) var received = 0
    /// Numbers that didn't come.
    package fileprivate(set) var lost = 0
    /// Numbers that came again, or behind a later one.
    package fileprivate(set) var doubled = 0
    /// Of what each would have had if all had had the same.
    package fileprivate(set) var share = 0.0

    fileprivate var next: UInt64 = 0

    enum CodingKeys: String, CodingKey { case mechanism, received, lost, doubled, share }

    fileprivate mutating func take(_ number: UInt64) {
      received += 1
      if number < next { return doubled += 1 }
      lost += Int(number - next)
      next = number + 1
    }
  }

  /// The timer, which ticks into a channel between tasks.
  package struct Timer: Sendable, Encodable {
    package let everyMicroseconds: Int
    /// How many times it rang, and how many of them the select took.
    package let rang: Int
    package let received: Int
    /// From ringing to being taken, in microseconds.
    package let lateP50: Double
    package let lateP99: Double
    package let lateMax: Double

    enum CodingKeys: String, CodingKey {
      case rang, received
      case everyMicroseconds = "every_us"
      case lateP50 = "late_p50_us"
      case lateP99 = "late_p99_us"
      case lateMax = "late_max_us"
    }
  }

  package let machine: MachineDescription
  package let seconds: Double
  package fileprivate(set) var channels: [Line]
  package let timer: Timer

  /// Whether nobody had less than half its share, and nothing was lost or came twice.
  package var isFair: Bool {
    channels.allSatisfy { $0.share >= 0.5 && $0.lost == 0 && $0.doubled == 0 } && timer.rang == timer.received
  }

  /// For a person.
  package var table: String {
    var table = Table([
      ("channel", .left), ("received", .right), ("each second", .right), ("share", .right), ("", .left),
      ("lost", .right), ("doubled", .right),
    ])
    let largest = channels.map(\.share).max() ?? 1
    for line in channels {
      table.add([
        line.mechanism, Figure.grouped(line.received), Figure.short(Double(line.received) / seconds),
        "\(Figure.fixed(line.share * 100, 0)) %", Figure.bar(line.share, of: largest, width: 10),
        "\(line.lost)", "\(line.doubled)",
      ])
    }
    let late = Figure.time(microseconds: timer.lateP50)
    let latest = Figure.time(microseconds: timer.lateMax)
    return table.text
      + "\n\nThe timer rang \(Figure.grouped(timer.rang)) times, and was taken \(Figure.grouped(timer.received)) times, \(late) after it rang (\(latest) at most).\n"
      + (isFair
        ? "Fair: nobody had less than half its share, nothing was lost, and nothing came twice."
        : "Not fair: somebody had less than half its share, or something was lost or came twice.")
  }
}

/// The measurement.
package enum SelectRun {
  /// What the sending processes are started with, and a mechanism has.
  package static let senderArgument = "--bench-select"
  private static let end = "numbers"
  private static let tick = Duration.milliseconds(1)

  /// A sender's life: numbers, as fast as they go, until nobody takes them.
  package static func send() throws {
    var sender = try Sender.inherited(end)
    sender.coalesces = true
    do throws(ChannelError) {
      for number in 0..<UInt64.max { try sender.send(number) }
    } catch {
      if error.code != .closed { throw error }
    }
  }

  /// Ticks, and what became of them.
  private final class Ticker: Sendable {
    let channel = LocalChannel<UInt64>(capacity: 1024)
    let task: Task<Int, any Error>

    init() {
      let channel = self.channel
      task = Task {
        var rang = 0
        var next = ContinuousClock.now
        while !Task.isCancelled {
          next += SelectRun.tick
          try? await Task.sleep(until: next, clock: .continuous)
          if Task.isCancelled { break }
          if try channel.trySend(Clock.now()) { rang += 1 }
        }
        try channel.close()
        return rang
      }
    }
  }

  /// - Parameter isOver: asked before each select whether to end early.
  package static func measure(
    _ mechanisms: [Mechanism], seconds: Double, progress: @escaping @Sendable (Double) -> Void,
    isOver: @escaping @Sendable () -> Bool
  ) throws -> SelectReport {
    try EventLoop().run {
      var receivers: [AsyncReceiver] = []
      let children = Children()
      defer { children.end() }
      for mechanism in mechanisms {
        let channel = try Channel.make(over: mechanism)
        receivers.append(AsyncReceiver(channel.receiver))
        try children.start(channel.sender)
      }
      return try await run(receivers, seconds, progress, isOver)
    }
  }

  private static func run(
    _ receivers: [AsyncReceiver], _ seconds: Double, _ progress: @Sendable (Double) -> Void,
    _ isOver: @Sendable () -> Bool
  ) async throws -> SelectReport {
    var lines = receivers.map { SelectReport.Line(mechanism: $0.mechanism.name) }
    // Each has begun to send before any is counted; what it sent first is taken, and counts from there.
    for index in lines.indices {
      while !isOver() {
        do {
          lines[index].take(try await receivers[index].receive(UInt64.self, within: .milliseconds(200)))
          break
        } catch let error as ChannelError where error.code == .timedOut {}
      }
    }
    for index in lines.indices { lines[index].received = 0 }
    let ticker = Ticker()
    var late = Histogram()
    var ticks = 0
    let start = Clock.now()
    let last = start + UInt64(seconds * 1e9)
    var rounds = 0
    while Clock.now() < last, !isOver() {
      rounds += 1
      if rounds % 4096 == 0 { progress(Double(Clock.now() - start) / 1e9) }
      let taken: (index: Int, number: UInt64)? = try await select {
        for index in receivers.indices {
          Receive(UInt64.self, from: receivers[index]) { number in
            guard let number else {
              throw BenchmarkError(
                .work,
                "the sender over \(receivers[index].mechanism) has ended before its time: was it killed?")
            }
            return (index, number)
          }
        }
        Receive(ticker.channel) { rang in
          if let rang {
            ticks += 1
            late.record(Clock.now() - rang)
          }
          return nil
        }
      }
      if let taken { lines[taken.index].take(taken.number) }
    }
    let took = Double(Clock.now() - start) / 1e9
    ticker.task.cancel()
    let rang = try await ticker.task.value
    while try await ticker.channel.receive() != nil { ticks += 1 }
    let mean = Double(lines.map(\.received).reduce(0, +)) / Double(max(1, lines.count))
    for index in lines.indices { lines[index].share = Double(lines[index].received) / max(1, mean) }
    for receiver in receivers { receiver.close() }
    func microseconds(_ fraction: Double) -> Double { Double(late.percentile(fraction)) / 1000 }
    return SelectReport(
      machine: MachineDescription(), seconds: took, channels: lines,
      timer: SelectReport.Timer(
        everyMicroseconds: 1000, rang: rang, received: ticks, lateP50: microseconds(0.5),
        lateP99: microseconds(0.99), lateMax: Double(late.max) / 1000))
  }

  /// The sending processes.
  private final class Children {
    private final class Box {
      var child: ChildProcess
      init(_ child: consuming ChildProcess) { self.child = child }
    }
    private var boxes: [Box] = []

    func start(_ sender: consuming Sender) throws {
      var spawn = Spawn(arguments: [SelectRun.senderArgument])
      try spawn.pass(sender, as: SelectRun.end)
      boxes.append(Box(try spawn.start()))
    }

    func end() {
      for box in boxes { box.child.kill() }
      for box in boxes { _ = try? box.child.wait() }
    }
  }
}
