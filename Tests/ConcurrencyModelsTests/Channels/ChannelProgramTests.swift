import ConcurrencyModels
import Synchronization
import SystemCalls
import TestSupport
import Testing

extension AllConcurrencyModelsTests {
  /// Whole programs out of channels, of the kind that they were made for.
  @Suite(.watched) struct ChannelProgramTests {
    /// Each prime has a task that lets through what it doesn't divide.
    @Test(arguments: Place.allCases) func theSieveFindsPrimes(_ place: Place) async throws {
      try await place.run { tasks in
        var source = LocalChannel<Int>()
        let numbers = source
        var stages = [tasks.start { for number in 2..<100_000 { try await numbers.send(number) } }]
        var primes: [Int] = []
        for _ in 0..<100 {
          let incoming = source
          let prime = try await incoming.receive() ?? 0
          primes.append(prime)
          let outgoing = LocalChannel<Int>()
          stages.append(
            tasks.start {
              for try await number in incoming where number % prime != 0 { try await outgoing.send(number) }
            })
          source = outgoing
        }
        let known = (2...541).filter { number in !(2..<number).contains { number % $0 == 0 } }
        #expect(primes == known)
        #expect(primes.last == 541)
        for stage in stages { stage.cancel() }
        for stage in stages {
          await #expect(throws: CancellationError.self) { try await stage.value }
        }
      }
    }

    @Test(arguments: [0, 1], Place.allCases) func pingPong(_ capacity: Int, _ place: Place) async throws {
      try await place.run { tasks in
        let (there, back) = (LocalChannel<Int>(capacity: capacity), LocalChannel<Int>(capacity: capacity))
        let other = tasks.start {
          for try await number in there { try await back.send(number + 1) }
          try back.close()
        }
        var number = 0
        for _ in 0..<5000 {
          try await there.send(number)
          number = try await back.receive() ?? -1
        }
        #expect(number == 5000)
        try there.close()
        #expect(try await back.receive() == nil)
        try await other.value
      }
    }

    /// A thousand tasks in a row, each adds one.
    @Test(arguments: Place.allCases) func aLongChain(_ place: Place) async throws {
      try await place.run { tasks in
        let first = LocalChannel<Int>()
        var last = first
        for _ in 0..<1000 {
          let (incoming, outgoing) = (last, LocalChannel<Int>())
          _ = tasks.start {
            for try await number in incoming { try await outgoing.send(number + 1) }
            try outgoing.close()
          }
          last = outgoing
        }
        for number in 0..<5 {
          try await first.send(number)
          #expect(try await last.receive() == number + 1000)
        }
        try first.close()
        #expect(try await last.receive() == nil)
      }
    }

    /// How many are inside.
    private final class Gauge: Sendable {
      private let counts = Locked((now: 0, most: 0))

      func enter() {
        counts.withLock {
          $0.now += 1
          $0.most = max($0.most, $0.now)
        }
      }
      func leave() { counts.withLock { $0.now -= 1 } }
      var now: Int { counts.withLock { $0.now } }
      var most: Int { counts.withLock { $0.most } }
    }

    @Test(arguments: [1, 3, 8], Place.allCases)
    func aBufferIsASemaphore(_ limit: Int, _ place: Place) async throws {
      try await place.run { _ in
        let slots = LocalChannel<Void>(capacity: limit)
        let gauge = Gauge()
        try await withThrowingTaskGroup(of: Void.self) { group in
          for _ in 0..<100 {
            group.addTask {
              try await slots.send(())
              gauge.enter()
              for _ in 0..<10 { await Task.yield() }
              gauge.leave()
              _ = try await slots.receive()
            }
          }
          try await group.waitForAll()
        }
        #expect((1...limit).contains(gauge.most))
        #expect(gauge.now == 0)
        #expect(slots.count == 0)
      }
    }

    @Test(arguments: Place.allCases) func workersShareTheWork(_ place: Place) async throws {
      try await place.run { tasks in
        let jobs = LocalChannel<Int>(capacity: 5)
        let results = LocalChannel<(job: Int, result: Int)>()
        let workers = (0..<4).map { _ in
          tasks.start { for try await job in jobs { try await results.send((job, job * job)) } }
        }
        let giver = tasks.start {
          for job in 0..<500 { try await jobs.send(job) }
          try jobs.close()
        }
        let closer = tasks.start {
          for worker in workers { try await worker.value }
          try results.close()
        }
        var found: [Int: Int] = [:]
        for try await (job, result) in results { #expect(found.updateValue(result, forKey: job) == nil) }
        #expect(found.count == 500)
        #expect(found.allSatisfy { $0.value == $0.key * $0.key })
        try await giver.value
        try await closer.value
      }
    }

    /// Several channels into one, until the last of them has ended.
    @Test(arguments: [0, 2], Place.allCases) func merging(_ capacity: Int, _ place: Place) async throws {
      try await place.run { tasks in
        let sources = (0..<3).map { _ in LocalChannel<Int>(capacity: capacity) }
        for (index, source) in sources.enumerated() {
          _ = tasks.start {
            for number in 0..<(300 * (index + 1)) { try await source.send(number * 3 + index) }
            try source.close()
          }
        }
        var open: [LocalChannel<Int>?] = sources
        var found: [[Int]] = [[], [], []]
        for _ in 0..<1803 {
          try await select {
            for index in 0..<3 {
              Receive(open[index]) { number in
                if let number { found[number % 3].append(number / 3) } else { open[index] = nil }
              }
            }
          }
        }
        #expect(open.allSatisfy { $0 == nil })
        for index in 0..<3 { #expect(found[index] == Array(0..<(300 * (index + 1)))) }
      }
    }

    /// A channel that goes through a channel: the answer comes where the asker waits.
    @Test(arguments: Place.allCases) func questionsCarryTheirWayBack(_ place: Place) async throws {
      struct Question: Sendable {
        let number: Int
        let answer = LocalChannel<Int>(capacity: 1)
      }
      try await place.run { tasks in
        let questions = LocalChannel<Question>()
        let answerer = tasks.start {
          for try await question in questions { try await question.answer.send(-question.number) }
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
          for number in 0..<200 {
            group.addTask {
              let question = Question(number: number)
              try await questions.send(question)
              #expect(try await question.answer.receive() == -number)
            }
          }
          try await group.waitForAll()
        }
        try questions.close()
        try await answerer.value
      }
    }

    /// Closed by one, heard by all: the end of everything that selects on it.
    @Test(arguments: Place.allCases) func oneCloseEndsEveryWait(_ place: Place) async throws {
      try await place.run { tasks in
        let (numbers, quit) = (LocalChannel<Int>(), LocalChannel<Never>())
        let generators = (0..<5).map { _ in
          tasks.start {
            var (sent, hasQuit) = (0, false)
            for _ in 0..<1_000_000 {
              if hasQuit { break }
              try await select {
                Send(sent, to: numbers) { sent += 1 }
                Receive(quit) { _ in hasQuit = true }
              }
            }
            return sent
          }
        }
        for _ in 0..<500 { #expect(try await numbers.receive() != nil) }
        try quit.close()
        var sent = 0
        for generator in generators { sent += try await generator.value }
        #expect(sent == 500)
        #expect(numbers.placesInLine == 0)
      }
    }
  }
}
