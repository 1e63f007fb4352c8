import Synchronization
import Testing

@testable import IPC

extension AllTests {
  @Suite struct FlushRegistryTests {
    /// The mechanisms that coalesce small messages, each as a channel within this process.
    static let addresses = ["pipe:", "unix:", "unix:?type=stream", "tcp:", "queue:", "semaphore:"]

    private func coalescing(_ address: String) throws(ChannelError) -> ByteChannel {
      var channel = try ByteChannel(at: address)
      channel.sender.coalesces = true
      return channel
    }

    @Test("a coalesced message is sent before a receiver of the process waits", arguments: addresses)
    func flushedBeforeWaiting(address: String) throws {
      var channel = try coalescing(address)
      try channel.sender.send("held back")
      #expect(channel.sender.bytesCarried == 0)
      // A try doesn't wait, and so doesn't flush.
      #expect(try channel.receiver.tryReceive(String.self) == nil)
      #expect(try channel.receiver.receive(String.self) == "held back")
      #expect(channel.sender.bytesCarried > 0)
    }

    @Test("a coalesced message is sent before a wait on another channel that times out", arguments: addresses)
    func flushedBeforeWaitingElsewhere(address: String) throws {
      var channel = try coalescing(address)
      var other = try ByteChannel(at: "memory:")
      try channel.sender.send("held back")
      #expect(
        code { () throws(ChannelError) in
          try other.receiver.receive(String.self, within: .milliseconds(1))
        } == .timedOut)
      #expect(channel.sender.bytesCarried > 0)
      #expect(try channel.receiver.tryReceive(String.self) == "held back")
      withExtendedLifetime(other.sender.mechanism) {}
    }

    @Test("closing sends coalesced messages", arguments: addresses)
    func flushedByClosing(address: String) throws {
      let channel = try coalescing(address)
      var receiver = try close(channel, after: ["one", "two"])
      #expect(try receiver.receive(String.self) == "one")
      #expect(try receiver.receive(String.self) == "two")
      #expect(code { () throws(ChannelError) in try receiver.receive(String.self) } == .closed)
      #expect(FlushRegistry.flushBeforeWaiting(), "nothing is waited for any more")
    }

    private func close(
      _ channel: consuming ByteChannel, after messages: [String]
    ) throws(ChannelError) -> ByteReceiver {
      for message in messages { try channel.sender.send(message) }
      try channel.sender.close()
      return channel.receiver
    }

    @Test("a full channel is tried repeatedly, and doesn't delay a receiver's deadline")
    func fullChannel() throws {
      var options = ChannelOptions()
      options.capacityBytes = 4096
      options.coalesces = true
      var full = try ByteChannel(over: .pipe, options: options)
      let block = [UInt8](repeating: 1, count: 4000)
      var accepted = 0
      while accepted < 1000, try full.sender.trySend(block) { accepted += 1 }
      #expect(accepted > 0 && accepted < 1000)
      #expect(!FlushRegistry.flushBeforeWaiting())
      var other = try ByteChannel(at: "pipe:")
      #expect(
        code { () throws(ChannelError) in
          try other.receiver.receive([UInt8].self, within: .milliseconds(10))
        } == .timedOut)
      // Meanwhile a message of another channel still arrives.
      try other.sender.send(block)
      #expect(try other.receiver.receive([UInt8].self) == block)
      // Receiving from the full channel makes the room that its sender needs.
      for _ in 0..<accepted { #expect(try full.receiver.receive([UInt8].self) == block) }
      #expect(try full.receiver.tryReceive([UInt8].self) == nil)
      #expect(FlushRegistry.flushBeforeWaiting())
    }

    @Test("a registered endpoint is flushed once, a removed one isn't")
    func register() {
      final class End: CoalescingTransport {
        let asked = Atomic<Int>(0)
        let answer: Bool
        init(_ answer: Bool) { self.answer = answer }
        func flushWithoutWaiting() -> Bool {
          asked.add(1, ordering: .relaxed)
          return answer
        }
      }
      let ends = [End(true), End(false)]
      for end in ends {
        FlushRegistry.register(end)
        FlushRegistry.register(end)
      }
      #expect(!FlushRegistry.flushBeforeWaiting())
      #expect(ends.map { $0.asked.load(ordering: .relaxed) } == [1, 1])
      FlushRegistry.remove(ends[1])
      #expect(FlushRegistry.flushBeforeWaiting())
      for end in ends { FlushRegistry.remove(end) }
      #expect(FlushRegistry.flushBeforeWaiting())
      #expect(ends.map { $0.asked.load(ordering: .relaxed) } == [2, 1])
    }
  }
}
