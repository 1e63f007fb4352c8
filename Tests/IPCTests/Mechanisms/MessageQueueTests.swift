import Glibc
import IPC
import SystemCalls
import TestSupport
import Testing

extension AllTests {
  /// A System V message queue without a channel.
  @Suite(.guarded) struct MessageQueueTests {
    private static func canRun(_ path: String) -> Bool { unsafe access(path, X_OK) == 0 }

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
          #expect(error.code == .messageTooLong && error.limit == limit)
          #expect(error.message.contains("kernel.msgmax"))
        }
        #expect(try queue.count == 0)
      }
    }

    @Test(
      "limits of the kernel's that are too small for a channel are named",
      .enabled(
        if: getuid() == 0 && canRun("/usr/bin/unshare"), "it needs root and unshare"),
      arguments: ["msgmnb=1", "msgmnb=63", "msgmax=8", "msgmax=1"])
    func smallLimits(setting: String) throws {
      Watchdog.at(setting)
      let words = setting.split(separator: "=")
      // The limits of an IPC namespace of its own. An order that hangs is ended by the watchdog.
      var peer = try ByteReceiver(
        at:
          "popen:unshare --ipc sh -c 'echo \(words[1]) > /proc/sys/kernel/\(words[0]) && exec \(Workspace.peer) make queue'"
      )
      let answer = try peer.receive(String.self, within: .seconds(60))
      #expect(answer.hasPrefix("error system"), "\(answer)")
      #expect(answer.contains("kernel.\(words[0]) is \(words[1])"), "\(answer)")
    }

    @Test("a message that is over what the queue holds is refused, and doesn't wait for ever")
    func overTheCapacity() throws {
      try withQueue { queue in
        try MessageQueues.msgctl(queue.id, capacity: 100)
        try queue.send([UInt8](repeating: 1, count: 100), type: 1)
        do throws(ChannelError) {
          try queue.send([UInt8](repeating: 1, count: 101), type: 1)
          Issue.record("sent a message over the queue's capacity")
        } catch {
          #expect(error.code == .messageTooLong && error.limit == 100)
        }
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
