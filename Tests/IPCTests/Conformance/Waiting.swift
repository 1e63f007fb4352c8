import IPC
import TestSupport
import Testing

@testable import ipc_peer

extension AllTests {
  /// Beside the contract: what a wait costs.
  @Suite(.guarded, Sanitizer.isOff) struct Waiting {
    /// A wait uses no CPU, with or without a deadline, for a message or for room.
    @Test(arguments: Subject.all.filter { $0.options.wait != .spin })
    func waitingUsesNoCPU(_ subject: Subject) throws {
      Watchdog.at(subject)
      let size = subject.size(4000)
      var lines: [(sender: PeerProcess, receiver: PeerProcess)] = []
      for _ in 0..<4 { lines.append(try subject.betweenPeers()) }
      let waiting = [lines[0].receiver, lines[1].receiver, lines[2].sender, lines[3].sender]
      let orders = ["receive \(size)", "receive \(size) 400", "send \(size)", "send \(size) 400"]
      for (peer, order) in zip(waiting, orders) { try peer.order("idle \(order)") }
      for peer in waiting { #expect(try peer.answer() == "waiting") }
      // Two of them answer when their deadline has passed; meanwhile this process waits for the answers.
      var answers = [try waiting[1].answer(), try waiting[3].answer()]
      try lines[0].sender.must("send plain 0 \(subject.size(9))")
      try lines[2].receiver.order("collect 0")
      answers += [try waiting[0].answer(), try waiting[2].answer()]
      for (answer, expected) in zip(answers, ["timedOut", "timedOut", "done", "done"]) {
        let words = answer.split(separator: " ")
        #expect(words[0] == expected)
        let (cpu, elapsed) = (Int(words[1])!, Int(words[2])!)
        #expect(elapsed > 100_000, "it waited")
        #expect(cpu * 10 < elapsed, "\(cpu) µs of CPU in \(elapsed) µs")
      }
      for line in lines { try line.sender.must("close") }
      #expect(Collected(try lines[2].receiver.answer()).end == "closed")
      for line in lines {
        try line.sender.finish()
        try line.receiver.finish()
      }
    }
  }
}
