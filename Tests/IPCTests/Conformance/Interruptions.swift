import IPC
import SystemCalls
import TestSupport
import Testing

@testable import ipc_peer

extension AllTests {
  /// Clauses 5 and 6 in a process whose calls a timer interrupts all the time: a deadline is an instant, and a death is
  /// reported.
  @Suite(.guarded, Sanitizer.isOff) struct Interruptions {
    /// Signals that come more often than any wait of the library looks by itself.
    private static let timers = ["timer 20000 restart", "timer 20000 plain"]
    /// In microseconds. The deadline is 300 ms; what each signal stretched would last for ever.
    private static let limit = 20_000_000

    @Test(arguments: Subject.once, timers)
    func signalsDontStretchADeadline(_ subject: Subject, _ timer: String) throws {
      Watchdog.at("\(subject) \(timer)")
      let size = subject.size(4000)
      let lines = (try subject.betweenPeers(), try subject.betweenPeers())
      try lines.0.receiver.must(timer)
      try lines.1.sender.must(timer)
      try lines.0.receiver.order("idle receive \(size) 300")
      try lines.1.sender.order("idle send \(size) 300")
      for peer in [lines.0.receiver, lines.1.sender] {
        #expect(try peer.answer() == "waiting")
        let words = try peer.answer().split(separator: " ")
        #expect(words[0] == "timedOut")
        let elapsed = try #require(Int(words[2]))
        #expect(elapsed >= 300_000 && elapsed < Self.limit, "\(elapsed) µs")
      }
      for line in [lines.0, lines.1] {
        try line.receiver.must("close")
        // A message that was given up in a stream can't be completed any more.
        _ = try line.sender.ask("close")
        try line.sender.finish()
        try line.receiver.finish()
      }
    }

    @Test(arguments: Subject.once, timers)
    func signalsDontHideADeath(_ subject: Subject, _ timer: String) throws {
      Watchdog.at("\(subject) \(timer)")
      let lines = (try subject.betweenPeers(), try subject.betweenPeers())
      try lines.0.receiver.must(timer)
      try lines.1.sender.must(timer)
      try lines.0.receiver.order("block-receiving")
      #expect(try lines.0.receiver.answer() == "waiting")
      // Some mechanisms accept a sender only at the first receive.
      try lines.0.sender.must("flood 1 1 \(subject.size(50))")
      lines.0.receiver.untilAsleep()
      try lines.0.sender.kill()
      #expect(Collected(try lines.0.receiver.answer()).end == "closed")
      try lines.1.sender.order("block-sending \(subject.size(3000))")
      #expect(try lines.1.sender.answer().hasPrefix("full"))
      lines.1.sender.untilAsleep()
      try lines.1.receiver.kill()
      #expect(try lines.1.sender.answer().hasPrefix("error closed"))
      try lines.0.receiver.finish()
      try lines.1.sender.finish()
      // A killed receiver leaves its file at the path, for the next receiver to replace.
      Workspace.removePaths()
    }

    /// Waits without a channel.
    @Test(arguments: timers)
    func signalsDontStretchADirectWait(_ timer: String) throws {
      let set = try SemaphoreSet.create([0])
      let id = set.id
      defer { try? SemaphoreSet.open(id: id).remove() }
      let peer = try PeerProcess()
      try peer.must(timer)
      let begun = Clock.now()
      #expect(try peer.ask("semaphore-wait-within \(id) 0 300").hasPrefix("error timedOut"))
      let elapsed = (Clock.now() - begun) / 1000
      #expect(elapsed >= 300_000 && elapsed < Self.limit, "\(elapsed) µs")
      try peer.finish()
    }
  }
}
