import IPC
import Measurement
import SystemCalls

/// Who is measured: the library, the same in plain C, or the memory itself.
package enum ContestantKind: String, Codable, Sendable {
  case channel, raw, floor
}

/// The processes of one contestant, waiting for commands.
final class Contestant {
  let kind: ContestantKind
  private let benchmark: BenchmarkCase
  private let watch: BenchmarkWatch
  private let expectedSeconds: Double
  private let cpus: [Int]
  private var parts: [PartProcess] = []
  /// The number of the next message, by sender.
  private var next: UInt64 = 0
  /// What keeps the baseline's objects.
  private var kept: [AnyObject] = []

  /// What one slice took.
  struct Slice {
    var messages: UInt64
    var nanoseconds: UInt64
    var histogram: Histogram?
    var cost: Cost
  }

  init(
    _ kind: ContestantKind, _ benchmark: BenchmarkCase, board: Board, raw: [RawChannel], cpus: [Int],
    plan: BenchmarkPlan, watch: BenchmarkWatch
  ) throws {
    let arguments = plan.partArguments
    expectedSeconds = plan.seconds
    self.kind = kind
    self.benchmark = benchmark
    self.watch = watch
    self.cpus = cpus
    func spec(_ role: PartRole, _ index: Int) -> PartSpec {
      PartSpec(benchmark, role, board: board.id, cpu: cpu(index))
    }
    switch (kind, benchmark.workload) {
    case (.floor, _): parts = [try PartProcess(spec(.copier, 0), arguments: arguments)]
    // Its workers go where the kernel puts them, and so does the pool.
    case (_, .jobs):
      var spec = spec(.pool, 0)
      spec.cpu = nil
      parts = [try PartProcess(spec, arguments: arguments)]
    case (.raw, _): try startRaw(raw, spec, arguments)
    case (.channel, _): try startChannel(spec, arguments, keeping: raw)
    }
    try all { _ = $0 }
  }

  private func cpu(_ index: Int) -> Int? { cpus.isEmpty ? nil : cpus[index % cpus.count] }

  // MARK: Starting

  private var options: ChannelOptions { Self.options(benchmark) }

  /// The channels of the baseline: the one there, and the one back.
  static func rawChannels(_ benchmark: BenchmarkCase) throws -> [RawChannel] {
    try (0..<(benchmark.isTwoWay ? 2 : 1)).map { _ in try RawChannel(benchmark.mechanism, options(benchmark))
    }
  }

  private static func options(_ benchmark: BenchmarkCase) -> ChannelOptions {
    var options = ChannelOptions()
    options.wait = benchmark.wait
    options.maximumMessageBytes = max(benchmark.size, 1 << 20)
    // So that several large messages lie in shared memory at once, as several small ones do.
    if ["memory", "memfd"].contains(benchmark.mechanism.name), benchmark.size > 1 << 16 {
      options.capacityBytes = 8 * benchmark.size
    }
    options.senders = benchmark.workload == .fanIn ? .many : .one
    options.receivers = benchmark.workload == .fanOut ? .many : .one
    return options
  }

  /// - Parameter keeping: the baseline's processes use nothing of the library, so that they can't remove what would be
  ///   left if this process were killed. One of ours holds their ends, and does.
  private func startChannel(
    _ spec: (PartRole, Int) -> PartSpec, _ arguments: [String], keeping: [RawChannel]
  ) throws {
    func keep(_ spawn: inout Spawn) throws(ChannelError) {
      for (index, channel) in keeping.enumerated() {
        try channel.give(&spawn, "\(BenchmarkPart.kept)-\(index)")
      }
    }
    let mechanism = benchmark.mechanism
    switch benchmark.workload {
    case _ where benchmark.isTwoWay:
      let there = try Channel.make(over: mechanism, options: options)
      let back = try Channel.make(over: mechanism, options: options)
      var out: Sender? = there.sender
      var into: Receiver? = back.receiver
      var farIn: Receiver? = there.receiver
      var farOut: Sender? = back.sender
      parts.append(
        try PartProcess(spec(.sender, 0), arguments: arguments) { (spawn: inout Spawn) throws(ChannelError) in
          try keep(&spawn)
          try spawn.pass(out.take()!, as: BenchmarkPart.out)
          try spawn.pass(into.take()!, as: BenchmarkPart.into)
        })
      parts.append(
        try PartProcess(spec(.receiver, 1), arguments: arguments) {
          (spawn: inout Spawn) throws(ChannelError) in
          try spawn.pass(farIn.take()!, as: BenchmarkPart.into)
          try spawn.pass(farOut.take()!, as: BenchmarkPart.out)
        })
    case .fanIn where mechanism == .tcp:
      // Several senders take connections of their own, so the channel has an address.
      let address =
        "tcp:127.0.0.1:\(try Internet.freePort())?wait=\(benchmark.wait.rawValue)&max=\(options.maximumMessageBytes)"
      var receiver = spec(.receiver, 0)
      receiver.address = address
      parts.append(try PartProcess(receiver, arguments: arguments))
      for index in 0..<benchmark.processes {
        var sender = spec(.sender, index + 1)
        sender.address = address
        sender.index = index
        parts.append(try PartProcess(sender, arguments: arguments))
      }
    default:
      let (senders, receivers) = counts
      let channel = try Channel.make(over: mechanism, options: options)
      var sender: Sender? = channel.sender
      var receiver: Receiver? = channel.receiver
      for index in 0..<receivers {
        var spec = spec(.receiver, index)
        spec.index = index
        let isLast = index == receivers - 1
        parts.append(
          try PartProcess(spec, arguments: arguments) { (spawn: inout Spawn) throws(ChannelError) in
            if index == 0 { try keep(&spawn) }
            if isLast { return try spawn.pass(receiver.take()!, as: BenchmarkPart.into) }
            try spawn.share(receiver!, as: BenchmarkPart.into)
          })
      }
      for index in 0..<senders {
        var spec = spec(.sender, receivers + index)
        spec.index = index
        let isLast = index == senders - 1
        parts.append(
          try PartProcess(spec, arguments: arguments) { (spawn: inout Spawn) throws(ChannelError) in
            if isLast { return try spawn.pass(sender.take()!, as: BenchmarkPart.out) }
            try spawn.share(sender!, as: BenchmarkPart.out)
          })
      }
    }
  }

  private var counts: (senders: Int, receivers: Int) {
    switch benchmark.workload {
    case .fanIn: (benchmark.processes, 1)
    case .fanOut: (1, benchmark.processes)
    default: (1, 1)
    }
  }

  /// The same kernel objects as the library's, in processes that use nothing else of it.
  private func startRaw(
    _ channels: [RawChannel], _ spec: (PartRole, Int) -> PartSpec, _ arguments: [String]
  ) throws {
    kept = channels
    let (there, back) = (channels[0], channels.count > 1 ? channels[1] : nil)
    let (senders, receivers) = counts
    for index in 0..<receivers {
      var spec = spec(.receiver, index)
      spec.index = index
      // On the same CPU as in the library's pair.
      if benchmark.isTwoWay { spec.cpu = cpu(1) }
      parts.append(try part(spec, arguments, sending: back, receiving: there))
    }
    for index in 0..<senders {
      var spec = spec(.sender, receivers + index)
      spec.index = index
      if benchmark.isTwoWay { spec.cpu = cpu(0) }
      parts.append(try part(spec, arguments, sending: there, receiving: back))
    }
  }

  private func part(
    _ spec: PartSpec, _ arguments: [String], sending: RawChannel?, receiving: RawChannel?
  ) throws -> PartProcess {
    var spec = spec
    var descriptors: [Int32] = []
    spec.raw = PartSpec.RawEnds(
      sending: try sending?.end(sends: true, stream: senderNumber(spec), &descriptors),
      receiving: try receiving?.end(sends: false, stream: 0, &descriptors))
    let passed = descriptors
    return try PartProcess(spec, arguments: arguments) { (spawn: inout Spawn) throws(ChannelError) in
      spawn.descriptors = passed
    }
  }

  /// A channel with several senders tells their parts apart by a number.
  private func senderNumber(_ spec: PartSpec) -> UInt32 {
    benchmark.workload == .fanIn ? UInt32(spec.index + 2) : 0
  }

  // MARK: Measuring

  /// Has `count` messages exchanged.
  func exchange(_ count: UInt64, verifies: Bool = false) throws -> Slice {
    let (senders, receivers) = counts
    let share = count / UInt64(senders)
    let total = share * UInt64(senders)
    // What is checked in every byte goes as fast as it goes.
    let pace = (verifies ? nil : benchmark.rate).map {
      PartCommand.Pace(start: Clock.now() + 3_000_000, interval: 1e9 / $0)
    }
    // Receivers first: what they wait for isn't there yet.
    for part in parts where part.spec.role == .receiver {
      try part.tell(.exchange(first: next, count: total, verifies: verifies, paced: pace))
    }
    for part in parts where part.spec.role != .receiver {
      let first = next | UInt64(part.spec.index) << 56
      try part.tell(.exchange(first: first, count: share, verifies: verifies, paced: pace))
    }
    var replies: [(role: PartRole, reply: PartReply)] = []
    let isFanOut = benchmark.workload == .fanOut && kind != .floor
    try all(
      only: { !isFanOut || $0.role == .sender }, expected: pace.map { $0.interval * Double(count) } ?? 0
    ) {
      replies.append($0)
    }
    if isFanOut {
      // All is sent: now the receivers may stop, each when it comes to its stop.
      for part in parts where part.spec.role == .sender { try part.tell(.stop(receivers: receivers)) }
      try all { if $0.role == .receiver { replies.append($0) } }
    }
    let first = next
    next += share
    return try slice(replies, first: first, total: total, share: share)
  }

  private func slice(
    _ replies: [(role: PartRole, reply: PartReply)], first: UInt64, total: UInt64, share: UInt64
  ) throws -> Slice {
    let receiving = replies.filter { $0.role != .sender }
    let received = receiving.reduce(0) { $0 + $1.reply.received }
    let sum = receiving.reduce(0) { $0 &+ $1.reply.sum }
    let senders = total / max(1, share)
    let expected = senders * (share * first + share * (share - 1) / 2)
    // Those too short for a number are only counted.
    guard kind == .floor || received == total,
      kind == .floor || sum == expected || benchmark.size < 8 || benchmark.workload == .latency
    else {
      throw BenchmarkError(
        .work,
        "\(benchmark.label): \(total) messages were sent and \(received) came, or one came twice: that is a bug, please report it"
      )
    }
    let begin = replies.filter { $0.role != .receiver }.map(\.reply.begin).min() ?? 0
    let end =
      benchmark.isTwoWay
      ? replies.first { $0.role == .sender }?.reply.end ?? 0 : replies.map(\.reply.end).max() ?? 0
    var histogram: Histogram?
    for (_, reply) in replies {
      guard let samples = reply.samples else { continue }
      var sum = histogram ?? Histogram()
      sum.add(buckets: samples, min: reply.fastest, max: reply.slowest)
      histogram = sum
    }
    var cost = Cost()
    // A sender that waits for an instant, or for the other side to sleep, spins: that is the measuring's cost.
    let isSpent = benchmark.workload == .wake || benchmark.rate != nil
    for (role, reply) in replies where !isSpent || role == .receiver { cost.add(reply) }
    return Slice(messages: total, nanoseconds: max(1, end &- begin), histogram: histogram, cost: cost)
  }

  /// One cache-line round trip between the two CPUs, in nanoseconds.
  func probe() throws -> Double? {
    guard parts.count >= 2 else { return nil }
    let pair = [
      parts.firstIndex { $0.spec.role == .receiver }!, parts.firstIndex { $0.spec.role == .sender }!,
    ]
    for index in pair { try parts[index].tell(.probe(rounds: 4000)) }
    var result: Double?
    try all(indices: pair) { if let probe = $0.reply.probe { result = probe } }
    return result
  }

  /// Ends the processes; returns what the workers of a pool used.
  func finish() throws -> Cost? {
    var cost: Cost?
    for part in parts { try part.tell(.quit) }
    try all {
      if $0.role == .pool {
        var sum = Cost()
        sum.add($0.reply)
        sum.messages = $0.reply.received
        cost = sum
      }
    }
    let ended = parts
    parts = []
    for part in ended { part.finish() }
    kept = []
    return cost
  }

  // MARK: Answers

  /// Waits for one answer of each part.
  private func all(
    only: (PartSpec) -> Bool = { _ in true }, indices: [Int]? = nil, expected nanoseconds: Double = 0,
    _ body: ((role: PartRole, reply: PartReply)) throws -> Void
  ) throws {
    var waiting = (indices ?? Array(parts.indices)).filter { only(parts[$0].spec) }
    // A slice was planned to last a fourth of this; a machine that is many times slower than a moment ago still passes.
    let patience = watch.patience + UInt64(expectedSeconds * 10e9) + UInt64(nanoseconds)
    let deadline = Clock.now() + patience
    while !waiting.isEmpty {
      if watch.isInterrupted { throw BenchmarkError(.interrupted, "") }
      var entries = waiting.map { PollEntry(parts[$0].pollable, read: true) }
      try ppoll(&entries, nanoseconds: 50_000_000)
      for (entry, index) in zip(entries, waiting) where entry.readable || entry.hungUp {
        guard let reply = try parts[index].answer() else { continue }
        waiting.removeAll { $0 == index }
        try body((parts[index].spec.role, reply))
      }
      if Clock.now() > deadline, let index = waiting.first {
        throw BenchmarkError(
          .work,
          "\(benchmark.label): the \(parts[index].spec.role.rawValue) of \(kind.rawValue) has waited \(patience / 1_000_000_000) s for a message: one was lost, or the machine is far too busy"
        )
      }
    }
  }
}
