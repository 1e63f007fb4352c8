import Glibc
import IPC
import SystemCalls
import TestSupport
import Testing

@testable import IPC
@testable import ipc_peer

extension AllTests {
  /// Clauses 4 and 7: a sender that dies in the middle of a large message leaves nothing in a receiver that lives long.
  @Suite(.guarded) struct BegunMessages {
    private static func mix(_ subject: Subject) -> Bool {
      // A packet socket without a name is one connection, whose senders nothing tells apart.
      subject.admitsManySenders && [.pipe, .fifo, .queue, .posixQueue].contains(subject.mechanism)
    }
    private static let subjects = Subject.carryingOnce.filter(mix)

    private static func begun(_ receiver: borrowing ByteReceiver) throws -> Int {
      try #require(receiver.transport as? FramedReceiver).begunMessages
    }

    /// Senders that come and go, each in the middle of a message.
    @Test(arguments: subjects.filter { $0.form == .named })
    func sendersThatGiveUp(_ subject: Subject) throws {
      Watchdog.at(subject)
      let address = try subject.address()
      var receiver = try ByteReceiver(at: address)
      // Keeps the channel from ending, and is in the middle of a message itself.
      var staying = try ByteSender(to: address)
      let large = [UInt8](repeating: 7, count: 400_000)
      if subject.mechanism != .queue { #expect(try !staying.trySend(large.span)) }
      #expect(try receiver.tryReceive { $0.count } == nil)
      for _ in 0..<1100 {
        var sender = try ByteSender(to: address)
        #expect(try !sender.trySend(large.span))
        #expect(try receiver.tryReceive { $0.count } == nil)
        try #require(try Self.begun(receiver) <= FragmentAssembler.fewSenders)
        try sender.close()
      }
      try staying.send([1, 2, 3].span)
      #expect(try receiver.receive { $0.count } == 3)
    }

    /// Processes that are killed in the middle of a message, one after the other, while another is in the middle of its own.
    @Test(arguments: subjects)
    func sendersThatAreKilled(_ subject: Subject) throws {
      Watchdog.at(subject)
      // The queue's senders of fragments wait for each other.
      let others = subject.mechanism == .queue ? 0 : 1
      guard var group = try SenderGroup.make(subject, 22) else { return }
      #expect(try group.receiver.tryReceive { $0.count } == nil)
      let survivor = group.senders[0]
      let size = 400_000
      if others == 1 {
        try survivor.order("send plain 0 \(size)")
        survivor.untilAsleep()
        // It lives, and doesn't go on.
        Processes.kill(survivor.id, SIGSTOP)
        #expect(try group.receiver.tryReceive { $0.count } == nil)
      }
      for sender in group.senders.dropFirst() {
        try sender.order("send plain 0 \(size)")
        sender.untilAsleep()
        try sender.kill()
        #expect(try group.receiver.tryReceive { $0.count } == nil)
        try #require(try Self.begun(group.receiver) <= FragmentAssembler.fewSenders)
      }
      if others == 0 {
        try survivor.order("send plain 0 \(size)")
      } else {
        Processes.kill(survivor.id, SIGCONT)
      }
      let isWhole = try group.receiver.receive { $0.count == size && Pattern.matches($0, 0) }
      #expect(isWhole, "the living sender's message stays whole")
      try survivor.mustSucceed()
      try survivor.must("close")
      try survivor.finish()
      #expect(code { () throws(ChannelError) in try group.receiver.receive { _ in } } == .closed)
    }
  }
}
