import CBaseline
import Foundation
import Glibc
import IPC
import Measurement
import SystemCalls

/// A process of a measurement: takes commands on standard input, answers on standard output.
package enum BenchmarkPart {
  static let out = "bench-out"
  static let into = "bench-in"
  static let kept = "bench-kept"

  /// Runs until it is told to quit, or the benchmark is gone.
  package static func serve(_ argument: String) {
    var control = PartControl(reading: 0, writing: 1)
    do {
      let spec = try JSONDecoder().decode(PartSpec.self, from: Data(argument.utf8))
      if let cpu = spec.cpu, baseline_pin(Int32(cpu)) < 0 { throw ExchangeFailure("CPU \(cpu) isn't there") }
      let board = try Board(attaching: spec.board)
      let side = Side(spec, board)
      if spec.role == .copier {
        var copy = CopyExchange(spec)
        try serve(side, &copy, &control)
      } else if spec.role == .pool {
        var pool = try PoolExchange(spec)
        try serve(side, &pool, &control)
      } else if let raw = spec.raw {
        var exchange = try RawExchange(spec, raw)
        try serve(side, &exchange, &control)
      } else {
        var exchange = try channelExchange(spec)
        try serve(side, &exchange, &control)
      }
    } catch {
      var reply = PartReply()
      reply.failure = words(error)
      control.answer(reply)
    }
    // Told to quit, or not: what this process keeps for the baseline goes with it, before anybody looks.
    ResourceCleaner.removeAll()
  }

  private static func words(_ error: any Error) -> String {
    switch error {
    case let failure as ExchangeFailure: failure.words
    case let error as ChannelError: error.description
    case let error as SystemError: "\(error.call.rawValue): \(error.description)"
    default: "\(error)"
    }
  }

  private static func channelExchange(_ spec: PartSpec) throws -> ChannelExchange {
    let twoWay = spec.isTwoWay
    if let address = spec.address {
      if spec.role == .receiver {
        return ChannelExchange(spec, out: nil, into: try Receiver.open(address))
      }
      return ChannelExchange(spec, out: try Sender.open(address, within: .seconds(20)), into: nil)
    }
    switch spec.role {
    case .sender:
      let sender = try Sender.inherited(out)
      return ChannelExchange(spec, out: sender, into: twoWay ? try Receiver.inherited(into) : nil)
    default:
      let receiver = try Receiver.inherited(into)
      return ChannelExchange(spec, out: twoWay ? try Sender.inherited(out) : nil, into: receiver)
    }
  }

  private static func serve<Work: Exchange & ~Copyable>(
    _ side: Side, _ exchange: inout Work, _ control: inout PartControl
  ) throws {
    control.answer(PartReply())
    while let command = control.next() {
      var reply = PartReply()
      switch command {
      case .exchange(let first, let count, let verifies, let pace):
        reply = try measured(side) {
          try exchange.run(side, first: first, count: count, verifies: verifies, pace: pace)
        }
      case .stop(let receivers):
        try exchange.stop(receivers)
      case .probe(let rounds):
        if side.isSender {
          let took = unsafe baseline_cache_line_near(side.board.pointer, rounds)
          reply.probe = took == 0 ? nil : Double(took) / Double(rounds)
        } else {
          _ = unsafe baseline_cache_line_far(side.board.pointer, rounds)
        }
      case .quit:
        exchange.close()
        exchange.addUsage(to: &reply)
        control.answer(reply)
        return
      }
      control.answer(reply)
    }
  }

  private static func measured(
    _ side: Side, _ body: () throws -> Int32
  ) throws -> PartReply {
    var reply = PartReply()
    side.histogram = Histogram()
    unsafe side.tally.pointee.received = 0
    unsafe side.tally.pointee.sum = 0
    let before = Processes.getrusage()
    reply.begin = Clock.now()
    let result = try body()
    reply.end = Clock.now()
    let after = Processes.getrusage()
    if result == Int32(baseline_damaged) {
      reply.failure = side.damage
    } else if result < 0 {
      reply.failure = "the baseline failed: \(SystemError.text(errno))"
    }
    reply.user = after.userNanoseconds &- before.userNanoseconds
    reply.system = after.systemNanoseconds &- before.systemNanoseconds
    reply.voluntary = after.voluntarySwitches - before.voluntarySwitches
    reply.involuntary = after.involuntarySwitches - before.involuntarySwitches
    reply.received = unsafe side.tally.pointee.received
    reply.sum = unsafe side.tally.pointee.sum
    if side.histogram.count > 0 {
      reply.samples = side.histogram.buckets
      reply.slowest = side.histogram.max
      reply.fastest = side.histogram.min
    }
    return reply
  }
}
