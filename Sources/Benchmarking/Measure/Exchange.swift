import CBaseline
import IPC
import Measurement
import SystemCalls

/// What one side of an exchange does, whoever carries the messages.
protocol Exchange: ~Copyable {
  /// As the sender, or the receiver, of `count` messages that begin with the number `first`.
  mutating func run(
    _ side: Side, first: UInt64, count: UInt64, verifies: Bool, pace: PartCommand.Pace?
  ) throws -> Int32
  /// As the sender of a fan-out: the receivers may stop.
  mutating func stop(_ receivers: Int) throws
  mutating func close()
  /// What processes of its own used, over all messages.
  func addUsage(to reply: inout PartReply)
}

extension Exchange where Self: ~Copyable {
  func addUsage(to reply: inout PartReply) {}
}

/// Why an exchange failed.
struct ExchangeFailure: Error {
  let words: String
  init(_ words: String) { self.words = words }
}

/// What a side has besides its ends: what came in, and the times.
@safe final class Side {
  let spec: PartSpec
  let board: Board
  let tally: UnsafeMutablePointer<baseline_tally>
  /// As many as are taken before they are recorded: a short pause of the recorder's in every thousand messages.
  let samples: UnsafeMutablePointer<UInt64>
  static let chunk: UInt64 = 1024
  var histogram = Histogram()

  init(_ spec: PartSpec, _ board: Board) {
    self.spec = spec
    self.board = board
    unsafe tally = .allocate(capacity: 1)
    unsafe tally.initialize(to: baseline_tally())
    unsafe tally.pointee.gaps = spec.workload == .fanOut
    unsafe samples = .allocate(capacity: Int(Self.chunk))
    unsafe samples.initialize(repeating: 0, count: Int(Self.chunk))
  }

  deinit {
    unsafe tally.deallocate()
    unsafe samples.deallocate()
  }

  var isSender: Bool { spec.role == .sender }

  func record(_ count: UInt64) {
    for index in 0..<Int(count) { unsafe histogram.record(samples[index]) }
  }

  /// What was wrong with the message that was refused.
  var damage: String {
    let (expected, found) = unsafe (tally.pointee.expected, tally.pointee.found)
    let at = unsafe tally.pointee.received
    return "message \(at) is lost, doubled or damaged: expected \(expected), found \(found)"
  }
}

/// How long a receiver is left alone before it is woken, in nanoseconds: long enough to be asleep.
let sleepersGap: UInt64 = 250_000

/// The exchange in plain C.
@safe final class RawExchange: Exchange {
  private let out: OpaquePointer?
  private let into: OpaquePointer?
  private var segments: [RawSegment] = []

  /// Keeps what an end's memory lies in.
  private final class RawSegment {
    let segment: Segment
    init(_ segment: consuming Segment) { self.segment = segment }
  }

  init(_ spec: PartSpec, _ ends: PartSpec.RawEnds) throws {
    let mechanism = try Mechanism(named: spec.mechanism)
    let benchmark = BenchmarkCase(
      spec.workload, mechanism, wait: WaitStrategy(rawValue: spec.wait) ?? .block, size: spec.size,
      mode: spec.mode)
    guard let kind = RawKind(benchmark)?.kind else {
      throw ExchangeFailure("no baseline of \(mechanism.name)")
    }
    var segments: [RawSegment] = []
    func open(_ end: PartSpec.RawEnd?, sends: Bool) throws -> OpaquePointer? {
      guard let end else { return nil }
      var options = unsafe baseline_options()
      unsafe options.kind = kind
      unsafe options.wait = [.block: baseline_block, .spin: baseline_spin, .adaptive: baseline_adaptive][
        benchmark.wait]!
      unsafe options.mode = [.each: baseline_each, .batched: baseline_batched, .inPlace: baseline_in_place][
        spec.mode]!
      unsafe options.sends = sends
      unsafe options.size = spec.size
      unsafe options.unit = end.unit
      unsafe options.is_stream = end.isStream
      unsafe options.stream = end.stream
      unsafe options.id = end.id
      unsafe options.slots = Int32(end.slots)
      if let id = end.segment {
        guard let attached = try Segment(shmat: id) else {
          throw ExchangeFailure("segment \(id) is another user's")
        }
        let segment = RawSegment(attached)
        segments.append(segment)
        unsafe options.memory = UnsafeMutableRawPointer(segment.segment.bytes.baseAddress!)
      }
      guard let opened = unsafe baseline_open(&options) else {
        throw ExchangeFailure("the baseline can't open its end of \(mechanism.name)")
      }
      return unsafe opened
    }
    unsafe out = try open(ends.sending, sends: true)
    unsafe into = try open(ends.receiving, sends: false)
    self.segments = segments
  }

  func run(_ side: Side, first: UInt64, count: UInt64, verifies: Bool, pace: PartCommand.Pace?) throws
    -> Int32
  {
    unsafe side.tally.pointee.every_byte = verifies
    let board = unsafe side.board.pointer
    switch (side.spec.workload, side.isSender) {
    case (.latency, true) where side.spec.isTwoWay || pace != nil:
      if let pace {
        return unsafe baseline_send_paced(out, first, count, pace.start, pace.interval, verifies)
      }
      return side.chunks(count) { done, part in
        unsafe baseline_pingpong(out, into, side.tally, first + done, part, side.samples)
      }
    case (.latency, false) where side.spec.isTwoWay || pace != nil:
      guard let pace else { return unsafe baseline_echo(into, out, side.tally, count) }
      return side.chunks(count) { done, part in
        unsafe baseline_receive_paced(
          into, side.tally, part, pace.start + UInt64(Double(done) * pace.interval), pace.interval,
          side.samples)
      }
    case (.wake, true): return unsafe baseline_wake(out, board, first, count, sleepersGap, verifies)
    case (.wake, false):
      return side.chunks(count) { _, part in
        unsafe baseline_woken(into, board, side.tally, part, side.samples)
      }
    case (_, true): return unsafe baseline_send(out, first, count, verifies)
    case (.fanOut, false): return unsafe baseline_receive_until_stopped(into, side.tally)
    case (_, false): return unsafe baseline_receive(into, side.tally, count)
    }
  }

  func stop(_ receivers: Int) throws {
    for _ in 0..<receivers {
      if unsafe baseline_send(out, baseline_stop, 1, false) < 0 {
        throw ExchangeFailure("the stop can't be sent")
      }
    }
  }

  func close() {}
}

extension Side {
  /// In pieces of so many samples, each recorded behind it.
  func chunks(_ count: UInt64, _ body: (_ done: UInt64, _ part: UInt64) throws -> Int32) rethrows -> Int32 {
    var done: UInt64 = 0
    while done < count {
      let part = min(Self.chunk, count - done)
      let result = try body(done, part)
      if result != 0 { return result }
      record(part)
      done += part
    }
    return 0
  }
}
