import CBaseline
import FoundationEssentials
import Glibc
import IPC
import Measurement
import SystemCalls

/// The main function of a benchmark's processes. A process of an exchange takes commands on standard input, and replies
/// on standard output.
package enum BenchmarkProcess {
  /// How long a sender waits for the receiver of a named channel.
  private static let openTimeout = Duration.seconds(20)
  /// The names under which endpoints are passed.
  static let out = "bench-out"
  static let into = "bench-in"
  static let kept = "bench-kept"

  /// Runs a process of an exchange until it is told to quit, or the benchmark has ended.
  package static func serve(_ argument: String) {
    var control = ControlPipe(reading: 0, writing: 1)
    do {
      let spec = try JSONDecoder().decode(ExchangeSpec.self, from: Data(argument.utf8))
      if let cpu = spec.cpu, baseline_pin(Int32(cpu)) < 0 {
        throw ExchangeFailure("this process can't run on CPU \(cpu)")
      }
      let page = try SharedPage(attaching: spec.page)
      let context = ExchangeContext(spec, page)
      if spec.role == .copier {
        var copy = CopyExchange(spec)
        try serve(context, &copy, &control)
      } else if spec.role == .pool {
        var pool = try PoolExchange(spec)
        try serve(context, &pool, &control)
      } else if let raw = spec.raw {
        var exchange = try RawExchange(spec, raw)
        try serve(context, &exchange, &control)
      } else {
        var exchange = try channelExchange(spec)
        try serve(context, &exchange, &control)
      }
    } catch {
      var reply = ExchangeReply()
      reply.failure = description(error)
      control.send(reply)
    }
    // Before the benchmark sees that this process has ended: remove what it keeps for the plain C exchange.
    ResourceCleaner.removeAll()
  }

  private static func description(_ error: any Error) -> String {
    switch error {
    case let failure as ExchangeFailure: failure.description
    case let error as ChannelError: error.description
    case let error as SystemError: "\(error.call.rawValue): \(error.description)"
    default: "\(error)"
    }
  }

  private static func channelExchange(_ spec: ExchangeSpec) throws -> ChannelExchange {
    let twoWay = spec.isTwoWay
    if let address = spec.address {
      if spec.role == .receiver {
        return ChannelExchange(spec, out: nil, into: try ByteReceiver(at: address))
      }
      return ChannelExchange(spec, out: try ByteSender(to: address, within: openTimeout), into: nil)
    }
    switch spec.role {
    case .sender:
      let sender = try ByteSender(inherited: out)
      return ChannelExchange(spec, out: sender, into: twoWay ? try ByteReceiver(inherited: into) : nil)
    default:
      let receiver = try ByteReceiver(inherited: into)
      return ChannelExchange(spec, out: twoWay ? try ByteSender(inherited: out) : nil, into: receiver)
    }
  }

  private static func serve<Work: Exchange & ~Copyable>(
    _ context: ExchangeContext, _ exchange: inout Work, _ control: inout ControlPipe
  ) throws {
    control.send(ExchangeReply())
    while let command = control.next() {
      var reply = ExchangeReply()
      switch command {
      case .exchange(let first, let count, let verifies, let pace):
        reply = try measured(context) {
          try exchange.run(context, ExchangeRun(first: first, count: count, verifies: verifies, pace: pace))
        }
      case .stop(let receivers):
        try exchange.stop(receivers)
      case .probe(let rounds):
        if context.isSender {
          let took = unsafe baseline_cache_line_near(context.page.pointer, rounds)
          reply.probe = took == 0 ? nil : Double(took) / Double(rounds)
        } else {
          _ = unsafe baseline_cache_line_far(context.page.pointer, rounds)
        }
      case .quit:
        exchange.close()
        exchange.addUsage(to: &reply)
        control.send(reply)
        return
      }
      control.send(reply)
    }
  }

  private static func measured(
    _ context: ExchangeContext, _ body: () throws -> Int32
  ) throws -> ExchangeReply {
    var reply = ExchangeReply()
    context.histogram = Histogram()
    unsafe context.tally.pointee.received = 0
    unsafe context.tally.pointee.sum = 0
    let before = Processes.getrusage()
    reply.begin = Clock.now()
    let result = try body()
    reply.end = Clock.now()
    let after = Processes.getrusage()
    if result == Int32(baseline_damaged) {
      reply.failure = context.damage
    } else if result < 0 {
      reply.failure = "the plain C exchange failed: \(SystemError.text(errno))"
    }
    reply.user = after.userNanoseconds &- before.userNanoseconds
    reply.system = after.systemNanoseconds &- before.systemNanoseconds
    reply.voluntary = after.voluntarySwitches - before.voluntarySwitches
    reply.involuntary = after.involuntarySwitches - before.involuntarySwitches
    reply.received = unsafe context.tally.pointee.received
    reply.sum = unsafe context.tally.pointee.sum
    if context.histogram.count > 0 {
      reply.samples = context.histogram.buckets
      reply.slowest = context.histogram.max
      reply.fastest = context.histogram.min
    }
    return reply
  }
}
