import ConcurrencyModels
import Glibc
import SystemCalls
import TestSupport
import Testing

@testable import IPC
@testable import ipc_peer

extension AllTests {
  /// Endpoints that several threads and tasks hold at once.
  @Suite(.warmAsync, .guarded) struct SharedEndpointTests {
    private static let subjects = Subject.once.filter {
      $0.form == .anonymous && $0.traits.carries == .messages && !$0.isTokens && !$0.traits.peerIsCommand
        && $0.options.framing == .frames
    }

    @Test("threads share the messages of a receiver, and each comes to one of them", arguments: subjects)
    func threadsShare(_ subject: Subject) async throws {
      Watchdog.at(subject)
      var channel = try Channel<Int>(over: subject.mechanism, options: subject.options)
      let sender = channel.sender.shared()
      let receiver = channel.receiver.shared()
      #expect(code { () throws(ChannelError) in try channel.sender.send(1) } == .closed)
      #expect(code { () throws(ChannelError) in _ = try channel.receiver.next() } == .closed)
      let readers = (0..<3).map { _ in
        onThread { () -> [Int] in
          var found: [Int] = []
          while let number = try receiver.next() { found.append(number) }
          return found
        }
      }
      let writers = (0..<2).map { first in
        onThread { () -> [Int] in
          for number in 0..<200 { try sender.send(first * 1000 + number) }
          return []
        }
      }
      for writer in writers { _ = try await writer.value }
      sender.close()
      let lists = try await [readers[0].value, readers[1].value, readers[2].value]
      #expect(lists.flatMap { $0 }.sorted() == (0..<200).map { $0 } + (1000..<1200).map { $0 })
      for list in lists {
        for first in [0, 1000] {
          let own = list.filter { $0 / 1000 * 1000 == first }
          #expect(own == own.sorted(), "each sender's messages are in order")
        }
      }
    }

    @Test("closing wakes a thread that waits", arguments: subjects)
    func closingWakesAThread(_ subject: Subject) async throws {
      Watchdog.at(subject)
      var channel = try Channel<Int>(over: subject.mechanism, options: subject.options)
      let receiver = channel.receiver.shared()
      let reader = onThread { () -> [Int] in [try receiver.receive()] }
      await settle()
      receiver.close()
      await #expect(throws: ChannelError.self) { try await reader.value }
      try channel.sender.close()
    }

    @Test("a message that goes in parts isn't tried", arguments: subjects)
    func tryingALargeMessage(_ subject: Subject) throws {
      Watchdog.at(subject)
      var channel = try Channel<[UInt8]>(over: subject.mechanism, options: subject.options)
      let sender = channel.sender.shared()
      let large = Pattern.bytes(7, sender.core.largestAtOnce + 1)
      #expect(try !sender.trySend(large))
      #expect(try sender.trySend([1]))
      #expect(try channel.receiver.receive() == [1])
      sender.close()
      #expect(code { () throws(ChannelError) in _ = try sender.trySend(large) } == .closed)
      #expect(try channel.receiver.next() == nil)
    }

    @Test("a long line isn't tried, and nobody waits for it")
    func tryingALongLine() throws {
      var channel = try Channel<String>(at: "pipe:?framing=line")
      let sender = channel.sender.shared()
      #expect(try !sender.trySend(String(repeating: "x", count: 200_000)))
      #expect(try sender.trySend("short"))
      #expect(try channel.receiver.receive() == "short")
      sender.close()
    }

    @Test("a large message goes once over a stream that is slow")
    func slowStream() async throws {
      var ends = try PipeEnds.pipe2()
      let sender = try ByteSender(to: "pipe:\(ends.writing.raw)")
      ends.writing = Descriptor(owning: -1)
      let shared = SharedSender<[UInt8]>(sender)
      let message = Pattern.bytes(3, 1 << 20)
      let writer = onThread { () -> [Int] in
        try shared.send(message)
        shared.close()
        return []
      }
      // 64 KiB at a time, so that the sender looks up in between: a pipe's worth each 100 ms.
      var all: [UInt8] = []
      var chunk = [UInt8](repeating: 0, count: 1 << 16)
      while true {
        let count = unsafe read(ends.reading.raw, &chunk, chunk.count)
        guard count > 0 else { break }
        all.append(contentsOf: chunk[..<count])
        Clock.sleep(nanoseconds: 100_000_000)
      }
      _ = try await writer.value
      #expect(all.count < message.count + 300, "the message, its frames and a hello")
    }

    @Test("a deadline passes, and a message larger than the channel goes from a thread", arguments: subjects)
    func deadlinesAndLargeMessages(_ subject: Subject) async throws {
      Watchdog.at(subject)
      var channel = try Channel<[UInt8]>(over: subject.mechanism, options: subject.options)
      let sender = channel.sender.shared()
      let receiver = channel.receiver.shared()
      #expect(
        code { () throws(ChannelError) in _ = try receiver.receive(within: .milliseconds(1)) } == .timedOut)
      #expect(try receiver.tryReceive() == nil)
      let large = Pattern.bytes(7, 3 << 20)
      let writer = onThread { () -> [Int] in
        try sender.send(large)
        return []
      }
      #expect(try await receiver.receive() == large)
      _ = try await writer.value
      receiver.close()
      sender.close()
    }

    @Test("a loop over the messages ends with the channel; the receiver is closed by it", arguments: subjects)
    func messagesOfAReceiver(_ subject: Subject) async throws {
      Watchdog.at(subject)
      var channel = try Channel<String>(over: subject.mechanism, options: subject.options)
      let sender = channel.sender.shared()
      let sending = Task {
        for word in ["one", "two", "three"] { try await sender.send(word) }
        sender.close()
      }
      var found: [String] = []
      for try await word in channel.receiver.messages { found.append(word) }
      try await sending.value
      #expect(found == ["one", "two", "three"])
    }
  }
}

/// Runs `body` on a thread of its own, which it may block.
private func onThread<Value: Sendable>(
  _ body: @escaping @Sendable () throws -> Value
) -> Task<Value, any Error> {
  Task {
    try await withCheckedThrowingContinuation { continuation in
      do {
        try Threads.start(name: "test-work") { continuation.resume(with: Result { try body() }) }
      } catch {
        continuation.resume(throwing: error)
      }
    }
  }
}
