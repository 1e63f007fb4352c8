import IPC
import SystemCalls
import TestSupport
import Testing

@testable import ipc_peer

extension AllTests {
  /// Clause 6: when the last sender closes or dies, receivers take what is left and are told; when the last
  /// receiver does, senders are.
  @Suite(.guarded) struct TheEndIsTold {
    /// How a process goes.
    enum Departure: String, Sendable, CaseIterable { case closes, isKilled, exits }

    private static func depart(_ peer: PeerProcess, _ how: Departure) throws {
      switch how {
      case .closes: try peer.must("close")
      case .isKilled: try peer.kill()
      case .exits: try peer.must("leave")
      }
    }

    private static func check(_ found: Collected, _ subject: Subject, _ count: Int) {
      #expect(found.end == "closed")
      #expect(found.tally.damaged == 0)
      if subject.isTokens {
        #expect(found.tally.tokens == count)
      } else {
        #expect(found.tally.runs == [1: [0...(count - 1)]])
      }
    }

    @Test(arguments: Subject.all, Departure.allCases)
    func theRestAndThenTheEnd(_ subject: Subject, _ how: Departure) throws {
      Watchdog.at("\(subject) \(how)")
      var line = try subject.fromPeer()
      // Some mechanisms begin to take messages in only with the first look for one.
      #expect(try line.receiver.tryReceive { $0.count } == nil)
      try line.peer.must("flood 1 5 \(subject.size(900))")
      try Self.depart(line.peer, how)
      var tally = Tally()
      for _ in 0..<5 { try line.receiver.receive { tally.note($0) } }
      // Told, and told again.
      for _ in 0..<2 {
        #expect(code { () throws(ChannelError) in try line.receiver.receive { _ in } } == .closed)
        #expect(code { () throws(ChannelError) in _ = try line.receiver.tryReceive { _ in } } == .closed)
        #expect(
          code { () throws(ChannelError) in try line.receiver.receive(within: .seconds(9)) { _ in } }
            == .closed)
      }
      #expect(tally.damaged == 0)
      if how == .closes { try line.peer.finish() }
    }

    @Test(arguments: Subject.all, Departure.allCases)
    func aBlockedReceiverIsTold(_ subject: Subject, _ how: Departure) throws {
      Watchdog.at("\(subject) \(how)")
      let (sender, receiver) = try subject.betweenPeers()
      try receiver.order("block-receiving")
      #expect(try receiver.answer() == "waiting")
      try sender.must("flood 1 3 \(subject.size(50))")
      if subject.options.wait != .spin { receiver.untilAsleep() }
      try Self.depart(sender, how)
      Self.check(Collected(try receiver.answer()), subject, 3)
      if how == .closes { try sender.finish() }
      try receiver.finish()
    }

    @Test(arguments: Subject.all, Departure.allCases)
    func aSenderBlockedOnAFullChannelIsTold(_ subject: Subject, _ how: Departure) throws {
      Watchdog.at("\(subject) \(how)")
      let (sender, receiver) = try subject.betweenPeers()
      try sender.order("block-sending \(subject.size(3000))")
      #expect(try sender.answer().hasPrefix("full"))
      if subject.options.wait != .spin { sender.untilAsleep() }
      try Self.depart(receiver, how)
      #expect(try sender.answer().hasPrefix("error closed"))
      try sender.finish()
      // A killed receiver leaves its file at the path, for the next receiver to replace.
      if how == .closes { try receiver.finish() } else { Workspace.removePaths() }
    }

    /// Also where it never waits: it sends, the receiver takes, and then the receiver is gone.
    @Test(arguments: Subject.all, Departure.allCases)
    func aSenderThatKeepsSendingIsTold(_ subject: Subject, _ how: Departure) throws {
      Watchdog.at("\(subject) \(how)")
      let (sender, receiver) = try subject.betweenPeers()
      try sender.order("send-until-closed \(subject.size(100))")
      #expect(try sender.answer() == "sending")
      let some = Collected(try receiver.ask("collect-some 50"))
      #expect(some.end == "ok" && some.tally.damaged == 0)
      try Self.depart(receiver, how)
      #expect(try sender.answer().hasPrefix("error closed"))
      try sender.finish()
      // A killed receiver leaves its file at the path, for the next receiver to replace.
      if how == .closes { try receiver.finish() } else { Workspace.removePaths() }
    }

    /// Killed at a moment of its own choosing, in the middle of whatever it does: whole messages, then the
    /// end.
    @Test(arguments: Subject.all)
    func aSenderKilledWhileItSendsLeavesWholeMessages(_ subject: Subject) throws {
      Watchdog.at(subject)
      var line = try subject.fromPeer()
      try line.peer.order("send-until-closed \(subject.size(30_000))")
      #expect(try line.peer.answer() == "sending")
      var tally = Tally()
      for _ in 0..<20 { try line.receiver.receive { tally.note($0) } }
      try line.peer.kill()
      let end = code { () throws(ChannelError) in
        while true { try line.receiver.receive { tally.note($0) } }
      }
      #expect(end == .closed)
      #expect(tally.damaged == 0)
      if !subject.isTokens { #expect(tally.runs[1]?.count == 1 && tally.runs[1]?[0].lowerBound == 0) }
    }

    @Test(arguments: Subject.manySenders)
    func theLastOfSeveralSendersIsTheEnd(_ subject: Subject) throws {
      Watchdog.at(subject)
      guard var group = try SenderGroup.make(subject, 3) else { return }
      #expect(try group.receiver.tryReceive { $0.count } == nil)
      for (id, sender) in group.senders.enumerated() {
        try sender.must("flood \(id + 1) 2 \(subject.size(40))")
      }
      var tally = Tally()
      for _ in 0..<6 { try group.receiver.receive { tally.note($0) } }
      #expect(tally.damaged == 0)
      for departed in 0..<3 {
        #expect(
          code { () throws(ChannelError) in
            try group.receiver.receive(within: .milliseconds(10)) { _ in }
          } == .timedOut, "\(departed) of 3 have gone")
        if departed == 0 { try group.senders[0].must("close") } else { try group.senders[departed].kill() }
      }
      #expect(code { () throws(ChannelError) in try group.receiver.receive { _ in } } == .closed)
      try group.senders[0].finish()
    }

    @Test(arguments: Subject.manyReceivers)
    func theLastOfSeveralReceiversIsTheEnd(_ subject: Subject) throws {
      Watchdog.at(subject)
      var group = try ReceiverGroup.make(subject, 3)
      for departed in 0..<3 {
        try group.sender.send(Pattern.bytes(0, subject.size(10)))
        if departed == 0 {
          try group.receivers[0].must("close")
        } else {
          try group.receivers[departed].kill()
        }
      }
      let end = code { () throws(ChannelError) in
        while true { try group.sender.send(Pattern.bytes(0, subject.size(10))) }
      }
      #expect(end == .closed)
      try group.receivers[0].finish()
    }

    /// A child has closed its end while its parent had the other; then the parent is killed. That nothing is left is looked
    /// at behind each test.
    @Test(arguments: ["queue", "semaphore", "memory", "posix-semaphore", "signal"])
    func whatAChildHadClosedGoesWithItsParent(_ mechanism: String) throws {
      Watchdog.at(mechanism)
      let parent = try PeerProcess()
      let child = try #require(Int32(try parent.ask("family \(mechanism)")))
      try parent.kill()
      Self.untilEnded(child)
    }

    /// exit(3) with everything open: with a name, or without.
    @Test(arguments: ["queue", "semaphore", "memory", "posix-semaphore", "signal"])
    func whatAProgramDidNotCloseGoesWithIt(_ mechanism: String) throws {
      Watchdog.at(mechanism)
      for order in ["make \(mechanism)", "open receiver \(mechanism):\(Workspace.name())"] {
        let peer = try PeerProcess()
        try peer.must(order)
        try peer.must("exit")
        try peer.finish()
      }
    }

    /// What a grandchild has sent is this process's to take, though its parent and it have died since.
    @Test(arguments: ["queue", "semaphore", "memory"])
    func whatAGrandchildHasSentArrives(_ mechanism: String) throws {
      Watchdog.at(mechanism)
      let channel = try Channel.make(over: Mechanism(named: mechanism))
      var receiver = channel.receiver
      var sender: Sender? = channel.sender
      let parent = try PeerProcess { (spawn: inout Spawn) throws(ChannelError) in
        try spawn.pass(sender.take()!, as: "end")
      }
      let child = try #require(Int32(try parent.ask("pass-on end 9")))
      try parent.kill()
      Self.untilEnded(child)
      for _ in 0..<9 { try receiver.receive { _ in } }
      #expect(code { () throws(ChannelError) in try receiver.receive { _ in } } == .closed)
    }

    /// It ends with its parent. Whoever takes orphans may leave it a zombie for a while.
    private static func untilEnded(_ child: Int32) {
      while let text = try? Files.readText("/proc/\(child)/stat"), !text.contains(") Z ") {
        Clock.sleep(nanoseconds: 1_000_000)
      }
    }

    /// A wait costs no CPU, with a deadline or without, for a message or for room.
    @Test(arguments: Subject.all.filter { $0.options.wait != .spin })
    func waitingCostsNothing(_ subject: Subject) throws {
      Watchdog.at(subject)
      let size = subject.size(4000)
      var lines: [(sender: PeerProcess, receiver: PeerProcess)] = []
      for _ in 0..<4 { lines.append(try subject.betweenPeers()) }
      let waiting = [lines[0].receiver, lines[1].receiver, lines[2].sender, lines[3].sender]
      let orders = ["receive \(size)", "receive \(size) 400", "send \(size)", "send \(size) 400"]
      for (peer, order) in zip(waiting, orders) { try peer.order("idle \(order)") }
      for peer in waiting { #expect(try peer.answer() == "waiting") }
      // The time in which they wait is a wait of this process's own: two of them answer when it is over.
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
