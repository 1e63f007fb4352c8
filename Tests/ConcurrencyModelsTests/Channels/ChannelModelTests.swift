import ConcurrencyModels
import Measurement
import TestSupport
import Testing

extension AllConcurrencyModelsTests {
  /// Whatever is done in whichever order, a channel does what an array would.
  @Suite(.watched) struct ChannelModelTests {
    private struct Model {
      let capacity: Int
      var values: [Int] = []
      var isClosed = false

      mutating func send(_ value: Int) throws -> Bool {
        if isClosed { throw LocalChannelError(.sendOnClosed) }
        guard values.count < capacity else { return false }
        values.append(value)
        return true
      }

      mutating func receive() -> Found {
        if values.isEmpty { return isClosed ? .closed : .nothing }
        return .value(values.removeFirst())
      }

      mutating func close() throws {
        if isClosed { throw LocalChannelError(.closedTwice) }
        isClosed = true
      }
    }

    private enum Found: Equatable {
      case value(Int), nothing, closed

      init(_ received: Received<Int>) {
        switch received {
        case .value(let value): self = .value(value)
        case .nothing: self = .nothing
        case .closed: self = .closed
        }
      }
    }

    /// What an operation returns or throws, in words: to compare.
    private func words<Value>(_ operation: () async throws -> Value) async -> String {
      do { return "\(try await operation())" } catch { return "throws \(error)" }
    }

    /// One channel by itself, with calls that never wait.
    @Test func oneChannelIsAQueue() async throws {
      var random = SeededRandom.printed()
      for _ in 0..<200 {
        let capacity = Int.random(in: -1...6, using: &random)
        let channel = LocalChannel<Int>(capacity: capacity)
        var model = Model(capacity: max(0, capacity))
        for step in 0..<200 {
          let what = Int.random(in: 0..<100, using: &random)
          let (expected, found): (String, String)
          switch what {
          case 0:
            expected = await words { try model.close() }
            found = await words { try channel.close() }
          case 1..<30:
            expected = await words { try model.send(step) }
            found = await words { try channel.trySend(step) }
          case 30..<50:
            expected = await words { try model.send(step) }
            found = await words {
              try await select {
                Send(step, to: channel) { true }
                Otherwise { false }
              }
            }
          case 50..<80:
            expected = await words { model.receive() }
            found = await words { Found(channel.tryReceive()) }
          default:
            expected = await words { model.receive() }
            found = await words {
              try await select {
                Receive(channel) { number in number.map { Found.value($0) } ?? .closed }
                Otherwise { Found.nothing }
              }
            }
          }
          #expect(found == expected, "step \(step), \(what), capacity \(capacity)")
          #expect(channel.count == model.values.count)
        }
      }
    }

    /// Selects over several: what they chose must have been possible, and is done in the model then.
    @Test func aSelectDoesOneThingThatWasPossible() async throws {
      var random = SeededRandom.printed()
      for _ in 0..<100 {
        let capacities = (0..<3).map { _ in Int.random(in: 0...3, using: &random) }
        let channels = capacities.map { LocalChannel<Int>(capacity: $0) }
        var models = capacities.map { Model(capacity: $0) }
        for step in 0..<200 {
          if Int.random(in: 0..<150, using: &random) == 0 {
            let index = Int.random(in: 0..<3, using: &random)
            let expected = await words { try models[index].close() }
            #expect(await words { try channels[index].close() } == expected)
          }
          let (from, to) = (Int.random(in: 0..<3, using: &random), Int.random(in: 0..<3, using: &random))
          let (sends, receives) = (Bool.random(using: &random), Bool.random(using: &random))
          let mayThrow = sends && models[to].isClosed
          let choice: String
          do {
            choice = try await select {
              if sends { Send(step, to: channels[to]) { "sent" } }
              if receives {
                Receive(channels[from]) { number in "\(number.map { Found.value($0) } ?? .closed)" }
              }
              Otherwise { "otherwise" }
            }
          } catch {
            #expect(mayThrow && error as? LocalChannelError == LocalChannelError(.sendOnClosed))
            continue
          }
          switch choice {
          case "sent": #expect(try sends && models[to].send(step))
          case "otherwise":
            #expect(!sends || (!models[to].isClosed && models[to].values.count == models[to].capacity))
            #expect(!receives || (!models[from].isClosed && models[from].values.isEmpty))
          default: #expect(receives && "\(models[from].receive())" == choice)
          }
          #expect(channels.map(\.count) == models.map(\.values.count))
        }
      }
    }
  }
}
