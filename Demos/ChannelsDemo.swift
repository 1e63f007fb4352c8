import ConcurrencyModels

/// Channels and select, as in Go: tasks that share no variables and send each other values.
///
/// What they add: a send on a channel without a buffer returns when the value was received; and a select waits for
/// several channels at once and completes exactly one case.
enum ChannelsDemo: Demo {
  static let name = "channels"
  static let summary = "tasks that send each other values, and a select that waits for several channels"

  static func run() throws {
    let loop = try EventLoop()
    try loop.run {
      let primes = LocalChannel<Int>()
      let ticks = LocalChannel<Int>(capacity: 8)
      let enough = LocalChannel<Void>()

      try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try await sieve(primes, enough, loop) }
        group.addTask {
          for tick in 1... {
            try await loop.sleep(nanoseconds: 2_000_000)
            guard try ticks.trySend(tick) else { return }
          }
        }
        var found: [Int] = []
        var ticked = 0
        while found.count < 12 {
          try await select {
            Receive(primes) { prime in if let prime { found.append(prime) } }
            Receive(ticks) { _ in ticked += 1 }
          }
        }
        say("select", "the first \(found.count) primes: \(found.map(String.init).joined(separator: " "))")
        say(
          "select",
          "between them \(ticked) ticks of a timer: select takes what is ready, so neither delays the other")

        let quiet = LocalChannel<Int>()
        try await select {
          Receive(quiet) { _ in say("select", "never") }
          After(.milliseconds(20)) { say("select", "no value for 20 ms, so the case After ran") }
        }
        try await select {
          Receive(quiet) { _ in say("select", "never") }
          Otherwise { say("select", "no channel is ready, so the case Otherwise ran at once") }
        }
        try enough.close()
        group.cancelAll()
        do { try await group.waitForAll() } catch is CancellationError {}
      }
      say("parent", "every task has ended")
    }
  }

  /// Sends primes until `enough` is closed.
  private static func sieve(_ primes: LocalChannel<Int>, _ enough: LocalChannel<Void>, _ loop: EventLoop)
    async throws
  {
    var filters: [Int] = []
    for number in 2... where filters.allSatisfy({ number % $0 != 0 }) {
      filters.append(number)
      try await loop.sleep(nanoseconds: 3_000_000)
      let continues = try await select {
        Send(number, to: primes) { true }
        Receive(enough) { _ in false }
      }
      if !continues { return }
    }
  }
}
