import CBaseline
import IPC
import Measurement
import SystemCalls

/// What is measured: the processes of one implementation of an exchange, waiting for commands.
final class BenchmarkSubject {
  enum Kind {
    /// The library.
    case channel
    /// The same exchange in plain C.
    case raw
    /// One copy of each message: no exchange through memory is faster.
    case floor
  }

  let kind: Kind
  private let benchmark: BenchmarkCase
  private let control: BenchmarkControl
  private let expectedSeconds: Double
  private let cpus: [Int]
  private var children: [ExchangeProcess] = []
  /// The number of the next message, by sender.
  private var next: UInt64 = 0
  /// The owners of the baseline's kernel objects.
  private var kept: [AnyObject] = []

  /// A message of more bytes needs a channel of more than the default capacity.
  private static let largestOfDefaultCapacity = 1 << 16
  /// Sender numbers begin behind those that the channel's own two endpoints have.
  private static let firstSenderNumber = 2
  /// From the command until the first message of a fixed rate, so that all processes are ready.
  private static let startDelay: UInt64 = 3_000_000
  /// How often an interruption is looked for.
  private static let pollNanoseconds: UInt64 = 50_000_000
  private static let probeRounds: UInt64 = 4000

  /// What one slice took.
  struct Slice {
    var messages: UInt64
    var nanoseconds: UInt64
    var histogram: Histogram?
    var cost: Cost
  }

  init(
    _ kind: Kind, _ benchmark: BenchmarkCase, page: SharedPage, raw: [RawChannel], cpus: [Int],
    plan: BenchmarkPlan, control: BenchmarkControl
  ) throws {
    let arguments = plan.processArguments
    expectedSeconds = plan.seconds
    self.kind = kind
    self.benchmark = benchmark
    self.control = control
    self.cpus = cpus
    func spec(_ role: ExchangeRole, _ index: Int) -> ExchangeSpec {
      ExchangeSpec(benchmark, role, page: page.id, cpu: cpu(index))
    }
    switch (kind, benchmark.workload.topology) {
    case (.floor, _): children = [try ExchangeProcess(spec(.copier, 0), arguments: arguments)]
    // Neither the pool nor its workers are pinned.
    case (_, .workerPool):
      var spec = spec(.pool, 0)
      spec.cpu = nil
      children = [try ExchangeProcess(spec, arguments: arguments)]
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
    // Several large messages fit shared memory at once, as several small ones do.
    if benchmark.mechanism.traits.writesInPlace, benchmark.size > largestOfDefaultCapacity {
      options.capacityBytes = CopyExchange.messagesAtOnce * benchmark.size
    }
    options.senders = benchmark.workload.topology == .manySenders ? .many : .one
    options.receivers = benchmark.workload.topology == .manyReceivers ? .many : .one
    return options
  }

  /// - Parameter keeping: the baseline's channels. Its processes use nothing of the library, and remove nothing if this
  ///   process is killed; a process that uses the library holds their endpoints, and does.
  private func startChannel(
    _ spec: (ExchangeRole, Int) -> ExchangeSpec, _ arguments: [String], keeping: [RawChannel]
  ) throws {
    func keep(_ spawn: inout Spawn) throws(ChannelError) {
      for (index, channel) in keeping.enumerated() {
        try channel.passSender(&spawn, "\(BenchmarkProcess.kept)-\(index)")
      }
    }
    let mechanism = benchmark.mechanism
    switch benchmark.workload.topology {
    case _ where benchmark.isTwoWay:
      var there = try ByteChannel(over: mechanism, options: options)
      var back = try ByteChannel(over: mechanism, options: options)
      children.append(
        try ExchangeProcess(spec(.sender, 0), arguments: arguments) {
          (spawn: inout Spawn) throws(ChannelError) in
          try keep(&spawn)
          try spawn.pass(&there.sender, as: BenchmarkProcess.out)
          try spawn.pass(&back.receiver, as: BenchmarkProcess.into)
        })
      children.append(
        try ExchangeProcess(spec(.receiver, 1), arguments: arguments) {
          (spawn: inout Spawn) throws(ChannelError) in
          try spawn.pass(&there.receiver, as: BenchmarkProcess.into)
          try spawn.pass(&back.sender, as: BenchmarkProcess.out)
        })
    case .manySenders where mechanism.traits.connectsEachSender:
      // Each sender connects to the channel's address.
      let address =
        "\(mechanism):127.0.0.1:\(try Internet.freePort())?wait=\(benchmark.wait.rawValue)&max=\(options.maximumMessageBytes)"
      var receiver = spec(.receiver, 0)
      receiver.address = address
      children.append(try ExchangeProcess(receiver, arguments: arguments))
      for index in 0..<benchmark.processes {
        var sender = spec(.sender, index + 1)
        sender.address = address
        sender.index = index
        children.append(try ExchangeProcess(sender, arguments: arguments))
      }
    default:
      let (senders, receivers) = benchmark.counts
      var channel = try ByteChannel(over: mechanism, options: options)
      for index in 0..<receivers {
        var spec = spec(.receiver, index)
        spec.index = index
        let isLast = index == receivers - 1
        children.append(
          try ExchangeProcess(spec, arguments: arguments) { (spawn: inout Spawn) throws(ChannelError) in
            if index == 0 { try keep(&spawn) }
            if isLast { return try spawn.pass(&channel.receiver, as: BenchmarkProcess.into) }
            try spawn.share(channel.receiver, as: BenchmarkProcess.into)
          })
      }
      for index in 0..<senders {
        var spec = spec(.sender, receivers + index)
        spec.index = index
        let isLast = index == senders - 1
        children.append(
          try ExchangeProcess(spec, arguments: arguments) { (spawn: inout Spawn) throws(ChannelError) in
            if isLast { return try spawn.pass(&channel.sender, as: BenchmarkProcess.out) }
            try spawn.share(channel.sender, as: BenchmarkProcess.out)
          })
      }
    }
  }

  /// The same kernel objects as the library's, in processes that use nothing else of it.
  private func startRaw(
    _ channels: [RawChannel], _ spec: (ExchangeRole, Int) -> ExchangeSpec, _ arguments: [String]
  ) throws {
    kept = channels
    let (there, back) = (channels[0], channels.count > 1 ? channels[1] : nil)
    let (senders, receivers) = benchmark.counts
    for index in 0..<receivers {
      var spec = spec(.receiver, index)
      spec.index = index
      // On the same CPU as in the library's pair.
      if benchmark.isTwoWay { spec.cpu = cpu(1) }
      children.append(try child(spec, arguments, sending: back, receiving: there))
    }
    for index in 0..<senders {
      var spec = spec(.sender, receivers + index)
      spec.index = index
      if benchmark.isTwoWay { spec.cpu = cpu(0) }
      children.append(try child(spec, arguments, sending: there, receiving: back))
    }
  }

  private func child(
    _ spec: ExchangeSpec, _ arguments: [String], sending: RawChannel?, receiving: RawChannel?
  ) throws -> ExchangeProcess {
    var spec = spec
    var descriptors: [Int32] = []
    spec.raw = ExchangeSpec.RawEnds(
      sending: try sending?.end(sends: true, stream: senderNumber(spec), &descriptors),
      receiving: try receiving?.end(sends: false, stream: 0, &descriptors))
    let passed = descriptors
    return try ExchangeProcess(spec, arguments: arguments) { (spawn: inout Spawn) throws(ChannelError) in
      spawn.descriptors = passed
    }
  }

  /// The number by which a channel with several senders tells their frames apart; 0 for a single sender.
  private func senderNumber(_ spec: ExchangeSpec) -> UInt32 {
    benchmark.workload.topology == .manySenders ? UInt32(spec.index + Self.firstSenderNumber) : 0
  }

  // MARK: Measuring

  /// Has `count` messages exchanged.
  func exchange(_ count: UInt64, verifies: Bool = false) throws -> Slice {
    let (senders, receivers) = benchmark.counts
    let share = count / UInt64(senders)
    let total = share * UInt64(senders)
    // Messages of which every byte is checked are sent as fast as possible.
    let pace = (verifies ? nil : benchmark.rate).map {
      ExchangeCommand.Pace(start: Clock.now() + Self.startDelay, interval: 1e9 / $0)
    }
    // Receivers first, so that they wait for the first message.
    for child in children where child.spec.role == .receiver {
      try child.send(.exchange(first: next, count: total, verifies: verifies, paced: pace))
    }
    for child in children where child.spec.role != .receiver {
      let first = next | UInt64(child.spec.index) << UInt64(baseline_sender_shift)
      try child.send(.exchange(first: first, count: share, verifies: verifies, paced: pace))
    }
    var replies: [(role: ExchangeRole, reply: ExchangeReply)] = []
    let isFanOut = benchmark.workload.topology == .manyReceivers && kind != .floor
    try all(
      only: { !isFanOut || $0.role == .sender }, expected: pace.map { $0.interval * Double(count) } ?? 0
    ) {
      replies.append($0)
    }
    if isFanOut {
      // Everything is sent: each receiver stops at its stop message.
      for child in children where child.spec.role == .sender { try child.send(.stop(receivers: receivers)) }
      try all { if $0.role == .receiver { replies.append($0) } }
    }
    let first = next
    next += share
    return try slice(replies, first: first, total: total, share: share)
  }

  private func slice(
    _ replies: [(role: ExchangeRole, reply: ExchangeReply)], first: UInt64, total: UInt64, share: UInt64
  ) throws -> Slice {
    let receiving = replies.filter { $0.role != .sender }
    let received = receiving.reduce(0) { $0 + $1.reply.received }
    let sum = receiving.reduce(0) { $0 &+ $1.reply.sum }
    let senders = total / max(1, share)
    let expected = senders * (share * first + share * (share - 1) / 2)
    // Messages too short for a number are only counted.
    guard kind == .floor || received == total,
      kind == .floor || sum == expected || benchmark.size < MemoryLayout<UInt64>.size
        || benchmark.workload.isRoundTrip
    else {
      throw BenchmarkError(
        .work,
        "\(benchmark.label): \(total) messages were sent and \(received) received, or one was received twice: this is a bug, please report it"
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
    // A sender that waits for an instant, or for the receiver to sleep, spins: that isn't the exchange's cost.
    let senderSpins = benchmark.workload.needsSleepingReceiver || benchmark.rate != nil
    for (role, reply) in replies where !senderSpins || role == .receiver { cost.add(reply) }
    return Slice(messages: total, nanoseconds: max(1, end &- begin), histogram: histogram, cost: cost)
  }

  /// One cache-line round trip between the two CPUs, in nanoseconds.
  func probe() throws -> Double? {
    guard children.count >= 2 else { return nil }
    let pair = [
      children.firstIndex { $0.spec.role == .receiver }!, children.firstIndex { $0.spec.role == .sender }!,
    ]
    for index in pair { try children[index].send(.probe(rounds: Self.probeRounds)) }
    var result: Double?
    try all(indices: pair) { if let probe = $0.reply.probe { result = probe } }
    return result
  }

  /// Ends the processes; returns what the workers of a pool used.
  func finish() throws -> Cost? {
    var cost: Cost?
    for child in children { try child.send(.quit) }
    try all {
      if $0.role == .pool {
        var sum = Cost()
        sum.add($0.reply)
        sum.messages = $0.reply.received
        cost = sum
      }
    }
    let ended = children
    children = []
    for child in ended { child.finish() }
    kept = []
    return cost
  }

  // MARK: Answers

  /// Waits for one reply of each process.
  private func all(
    only: (ExchangeSpec) -> Bool = { _ in true }, indices: [Int]? = nil, expected nanoseconds: Double = 0,
    _ body: ((role: ExchangeRole, reply: ExchangeReply)) throws -> Void
  ) throws {
    var waiting = (indices ?? Array(children.indices)).filter { only(children[$0].spec) }
    // Many times what a slice was planned to take: the machine may be much slower than a moment ago.
    let timeout = control.replyTimeout + UInt64(expectedSeconds * 10e9) + UInt64(nanoseconds)
    let deadline = Clock.now() + timeout
    while !waiting.isEmpty {
      if control.isInterrupted { throw BenchmarkError(.interrupted, "") }
      var entries = waiting.map { PollEntry(children[$0].pollable, read: true) }
      try ppoll(&entries, nanoseconds: Self.pollNanoseconds)
      for (entry, index) in zip(entries, waiting) where entry.readable || entry.hungUp {
        guard let reply = try children[index].reply() else { continue }
        waiting.removeAll { $0 == index }
        try body((children[index].spec.role, reply))
      }
      if Clock.now() > deadline, let index = waiting.first {
        throw BenchmarkError(
          .work,
          "\(benchmark.label): the \(children[index].spec.role.rawValue) of \(kind == .channel ? "the channel" : "the plain C exchange") waited \(timeout / 1_000_000_000) s for a message: one was lost, or the machine is overloaded"
        )
      }
    }
  }
}
