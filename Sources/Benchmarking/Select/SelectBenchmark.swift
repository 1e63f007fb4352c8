import ConcurrencyModels
package import IPC
import Measurement
import SystemCalls

/// Measures whether a select is fair.
package enum SelectBenchmark {
  /// The argument with which the sending processes are started.
  package static let senderArgument = "--bench-select"
  private static let end = "numbers"
  private static let tick = Duration.milliseconds(1)

  /// Runs a sending process: numbers, as fast as possible, until the receiver has closed.
  package static func send() throws {
    var sender = try ByteSender(inherited: end)
    sender.coalesces = true
    do throws(ChannelError) {
      for number in 0..<UInt64.max { try sender.send(number) }
    } catch {
      if error.code != .closed { throw error }
    }
  }

  /// Sends the time into a channel, again and again.
  private final class Ticker: Sendable {
    let channel = LocalChannel<UInt64>(capacity: 1024)
    let task: Task<Int, any Error>

    init() {
      let channel = self.channel
      task = Task {
        var rang = 0
        var next = ContinuousClock.now
        while !Task.isCancelled {
          next += SelectBenchmark.tick
          try? await Task.sleep(until: next, clock: .continuous)
          if Task.isCancelled { break }
          if try channel.trySend(Clock.now()) { rang += 1 }
        }
        try channel.close()
        return rang
      }
    }
  }

  /// - Parameter isOver: called before each select; true ends the measurement early.
  package static func measure(
    _ mechanisms: [Mechanism], seconds: Double, progress: @escaping @Sendable (Double) -> Void,
    isOver: @escaping @Sendable () -> Bool
  ) throws -> SelectReport {
    try EventLoop().run {
      var receivers: [SharedByteReceiver] = []
      let children = Children()
      defer { children.end() }
      for mechanism in mechanisms {
        let channel = try ByteChannel(over: mechanism)
        receivers.append(SharedByteReceiver(channel.receiver))
        try children.start(channel.sender)
      }
      return try await run(receivers, seconds, progress, isOver)
    }
  }

  private static func run(
    _ receivers: [SharedByteReceiver], _ seconds: Double, _ progress: @Sendable (Double) -> Void,
    _ isOver: @Sendable () -> Bool
  ) async throws -> SelectReport {
    var channels = receivers.map { SelectReport.Line(mechanism: $0.mechanism.name) }
    // Each has begun to send before any is counted; what it sent first is taken, and counts from there.
    for index in channels.indices {
      while !isOver() {
        do {
          channels[index].take(try await receivers[index].receive(UInt64.self, within: .milliseconds(200)))
          break
        } catch let error as ChannelError where error.code == .timedOut {}
      }
    }
    for index in channels.indices { channels[index].received = 0 }
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
      if let taken { channels[taken.index].take(taken.number) }
    }
    let took = Double(Clock.now() - start) / 1e9
    ticker.task.cancel()
    let rang = try await ticker.task.value
    while try await ticker.channel.receive() != nil { ticks += 1 }
    let mean = Double(channels.map(\.received).reduce(0, +)) / Double(max(1, channels.count))
    for index in channels.indices { channels[index].share = Double(channels[index].received) / max(1, mean) }
    for receiver in receivers { receiver.close() }
    func microseconds(_ fraction: Double) -> Double { Double(late.percentile(fraction)) / 1000 }
    return SelectReport(
      machine: MachineDescription(), seconds: took, channels: channels,
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

    func start(_ sender: consuming ByteSender) throws {
      var spawn = Spawn(arguments: [SelectBenchmark.senderArgument])
      var sender = sender
      try spawn.pass(&sender, as: SelectBenchmark.end)
      boxes.append(Box(try spawn.start()))
    }

    func end() {
      for box in boxes { box.child.kill() }
      for box in boxes { _ = try? box.child.wait() }
    }
  }
}
