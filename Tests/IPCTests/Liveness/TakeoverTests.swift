import Glibc
import IPC
import SystemCalls
import TestSupport
import Testing

@testable import ipc_peer

extension AllTests {
  /// A receiver that opens the name of one that dies begins a channel of its own: the senders of the other are told, and no
  /// message arrives twice or is lost without an error.
  @Suite(.guarded) struct TakeoverTests {
    private static let rounds = 12
    private static let subjects = Subject.named.filter { $0.options.wait == .adaptive }

    /// The receiver's name is asked for all the time while it is killed, so that it is taken over at the first moment at which
    /// it is free. Where several may receive, a second one would join the first: the name is asked for once that is dead.
    @Test(arguments: subjects)
    func sendersOfAKilledReceiverAreTold(_ subject: Subject) throws {
      for round in 0..<Self.rounds {
        Watchdog.at("\(subject), round \(round)")
        let address = try subject.address()
        let first = try PeerProcess()
        try first.must("open receiver \(address.text)")
        let sender = try PeerProcess()
        try sender.must("open sender \(address.text)")
        try sender.order("send-until-closed \(subject.size(100))")
        #expect(try sender.answer() == "sending")
        let some = Collected(try first.ask("collect-some 20"))
        #expect(some.end == "ok" && some.tally.damaged == 0)
        if subject.admitsManyReceivers { try first.kill() } else { kill(first.id, SIGKILL) }
        var second = try Self.open(address)
        #expect(try sender.answer().hasPrefix("error closed"))
        // Nothing of the channel before is in the new one.
        #expect(try second.tryReceive { $0.count } == nil)
        try sender.finish()
        var next = try ByteSender(to: address)
        let message = [UInt8](repeating: 1, count: subject.size(4))
        try next.send(message)
        let count = try second.receive { $0.count }
        #expect(count == message.count)
        try next.close()
        second.close()
        if !subject.admitsManyReceivers { try first.kill() }
        Workspace.removePaths()
      }
    }

    /// A sender that is stopped while its receiver changes finds the end of its channel when it goes on.
    @Test(arguments: subjects)
    func aStoppedSenderFindsTheEnd(_ subject: Subject) throws {
      Watchdog.at(subject)
      let address = try subject.address()
      let first = try PeerProcess()
      try first.must("open receiver \(address.text)")
      let sender = try PeerProcess()
      try sender.must("open sender \(address.text)")
      try sender.must("flood 1 1 \(subject.size(10))")
      #expect(Collected(try first.ask("collect-some 1")).end == "ok")
      kill(sender.id, SIGSTOP)
      if subject.admitsManyReceivers { try first.kill() } else { kill(first.id, SIGKILL) }
      var second = try Self.open(address)
      kill(sender.id, SIGCONT)
      try sender.order("send-until-closed \(subject.size(100))")
      #expect(try sender.answer() == "sending")
      #expect(try sender.answer().hasPrefix("error closed"))
      #expect(try second.tryReceive { $0.count } == nil)
      try sender.finish()
      second.close()
      if !subject.admitsManyReceivers { try first.kill() }
      Workspace.removePaths()
    }

    private static func open(_ address: Address) throws -> ByteReceiver {
      let deadline = Clock.now() + 30_000_000_000
      while true {
        do throws(ChannelError) {
          return try ByteReceiver(at: address)
        } catch {
          guard error.code == .busy, Clock.now() < deadline else { throw error }
        }
      }
    }
  }
}
