import IPC
import SystemCalls
import TestSupport
import Testing

@testable import IPC
@testable import ipc_peer

extension AllTests {
  @Suite(.guarded) struct QueueStallTests {
    /// As a process leaves it that is killed after it has sent, or with the turn: nothing wakes the receiver. In the median,
    /// since the machine may be busy.
    @Test("a receiver that nothing notifies finds a message soon", arguments: [false, true])
    func withoutNotification(holdsTurn: Bool) throws {
      let name = Workspace.name()
      let peer = try PeerProcess()
      try peer.must("open receiver queue:\(name)")
      var sender = try ByteSender(to: "queue:\(name)")
      let entry = try Files.readText("\(Workspace.records)/\(try RegistryDirectory.file(.queue, name))")
      func id(_ key: String) throws -> Int32 {
        let line = entry.split(separator: "\n").first { $0.hasPrefix(key + " ") }
        return try #require(line.flatMap { Int32($0.dropFirst(key.count + 1)) })
      }
      let (queue, mutexes) = (try id("queue"), try id("mutexes"))
      let turn = QueueEndpoint.Mutex.receiving.rawValue
      var times: [UInt64] = []
      for round in 0..<9 {
        if holdsTurn { try SemaphoreSet.open(id: mutexes).wait(turn) }
        try peer.order("take plain \(round) 50")
        peer.untilAsleep()
        let begun = Clock.now()
        try MessageQueue.open(id: queue).send(frame(Pattern.bytes(round, 50)), type: 1)
        if holdsTurn { try SemaphoreSet.open(id: mutexes).post(turn) }
        try peer.mustSucceed()
        times.append(Clock.now() - begun)
      }
      let median = times.sorted()[times.count / 2]
      #expect(median < 150_000_000, "\(times.map { $0 / 1_000_000 }) ms")
      try sender.close()
      try peer.must("close")
      try peer.finish()
    }
  }
}
