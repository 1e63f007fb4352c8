import ConcurrencyModels

/// Channels and select, as in Go: tasks that share nothing and tell each other everything. Its own trait: a channel
/// without a buffer is a meeting, so that sending is also knowing that it was received; and a select waits for several
/// meetings at once and takes part in one.
enum ChannelsDemo: Demo {
  static let name = "channels"
  static let summary = "tasks that meet at channels, and a select that waits for several"

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
          "between them \(ticked) ticks of a clock: what was ready was taken, neither waited for the other")

        let quiet = LocalChannel<Int>()
        try await select {
          Receive(quiet) { _ in say("select", "never") }
          After(.milliseconds(20)) { say("select", "nothing came in 20 ms: After was ready instead") }
        }
        try await select {
          Receive(quiet) { _ in say("select", "never") }
          Otherwise { say("select", "with Otherwise it doesn't wait at all") }
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
      let goesOn = try await select {
        Send(number, to: primes) { true }
        Receive(enough) { _ in false }
      }
      if !goesOn { return }
    }
  }
}
