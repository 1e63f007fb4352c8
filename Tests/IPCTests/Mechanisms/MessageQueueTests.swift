import Glibc
import IPC
import TestSupport
import Testing

extension AllTests {
  /// A System V message queue without a channel.
  @Suite(.guarded) struct MessageQueueTests {
    /// Runs `body` with a new queue, and removes the queue after it if it still exists.
    private func withQueue(_ body: (borrowing MessageQueue) throws -> Void) throws {
      let queue = try MessageQueue.create()
      let id = queue.id
      defer { try? MessageQueue.open(id: id).remove() }
      try body(queue)
    }

    @Test("receive takes the oldest message of a type, or of any type")
    func typesAndOrder() throws {
      try withQueue { queue in
        for (text, type) in [("a", 2), ("b", 1), ("c", 2), ("d", Int.max)] {
          try queue.send(text, type: type)
        }
        #expect(try queue.count == 4)
        #expect(try queue.receive(type: 1).text == "b")
        let any = try queue.receive()
        #expect(any.type == 2 && any.text == "a")
        #expect(try queue.receive(type: .max).text == "d")
        #expect(try queue.receive(type: 2).text == "c")
        #expect(try queue.count == 0)
      }
    }

    @Test("tryReceive returns nil if no message of the type waits")
    func tryReceive() throws {
      try withQueue { queue in
        #expect(try queue.tryReceive() == nil)
        try queue.send([], type: 3)
        #expect(try queue.tryReceive(type: 2) == nil)
        #expect(try queue.tryReceive(type: 3)?.bytes == [])
        #expect(try queue.tryReceive() == nil)
      }
    }

    @Test("messages of every size up to the kernel's limit arrive unchanged")
    func sizes() throws {
      let limit = try #require(Mechanism.queue.limits.first { $0.name == "kernel.msgmax" }?.value)
      try withQueue { queue in
        for size in [0, 1, 8, 4096, limit] {
          let bytes = (0..<size).map { UInt8(truncatingIfNeeded: $0 * 7) }
          try queue.send(bytes, type: 1)
          let isSame = try queue.receive().bytes == bytes
          #expect(isSame, "\(size) bytes")
        }
        let long = [UInt8](repeating: 1, count: limit + 1)
        do throws(ChannelError) {
          try queue.send(long, type: 1)
          Issue.record("sent a message over kernel.msgmax")
        } catch {
          #expect(error.errno == EINVAL)
        }
        #expect(try queue.count == 0)
      }
    }

    @Test("a type below 1 is a precondition failure")
    func invalidType() async {
      await #expect(processExitsWith: .failure) {
        // The queue's number is never used.
        try MessageQueue.open(id: 0).send("text", type: 0)
      }
    }

    @Test("receive waits for a message of its type that another process sends")
    func receiveWaits() throws {
      try withQueue { queue in
        let peer = try PeerProcess()
        try peer.order("queue-receive \(queue.id) 7")
        peer.untilAsleep()
        try queue.send("other", type: 6)
        try queue.send("wanted", type: 7)
        #expect(try peer.answer() == "7 wanted")
        #expect(try queue.receive().text == "other")
        try peer.finish()
      }
    }

    @Test("send waits while the queue is full")
    func sendWaits() throws {
      try withQueue { queue in
        let text = String(repeating: "x", count: 4000)
        let peer = try PeerProcess()
        // More than any queue holds by default (kernel.msgmnb).
        try peer.order("queue-send \(queue.id) 5 20 \(text)")
        peer.untilAsleep()
        #expect(try queue.count < 20)
        for _ in 0..<20 { #expect(try queue.receive(type: 5).text == text) }
        try peer.mustSucceed()
        #expect(try queue.tryReceive() == nil)
        try peer.finish()
      }
    }

    @Test("messages outlive the process that sent them")
    func persistence() throws {
      let peer = try PeerProcess()
      let id = try #require(Int32(try peer.ask("queue-create")))
      defer { try? MessageQueue.open(id: id).remove() }
      try peer.must("queue-send \(id) 1 3 kept")
      try peer.kill()
      let queue = try MessageQueue.open(id: id)
      #expect(try queue.count == 3)
      for _ in 0..<3 { #expect(try queue.receive().text == "kept") }
    }

    @Test("removing a queue ends waiting calls with an error")
    func removal() throws {
      let queue = try MessageQueue.create()
      let id = queue.id
      let peer = try PeerProcess()
      try peer.order("queue-receive \(id) 1")
      peer.untilAsleep()
      try queue.remove()
      #expect(try peer.answer().hasPrefix("error closed"))
      #expect(try peer.ask("queue-send \(id) 1 1 x").hasPrefix("error"))
      do throws(ChannelError) {
        _ = try MessageQueue.open(id: id)
        Issue.record("opened a removed queue")
      } catch {
        #expect(error.code == .system)
        #expect(error.message.contains("queue \(id)") && error.message.contains("msgctl"))
      }
      try peer.finish()
    }
  }
}
