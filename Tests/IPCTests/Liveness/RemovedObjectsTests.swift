import SystemCalls
import TestSupport
import Testing

@testable import IPC

extension AllTests {
  /// Kernel objects that another program removes under a channel, as ipcrm(1) does: an error of its own, and no plain end.
  @Suite(.guarded) struct RemovedObjectsTests {
    private static func channel(_ name: String) throws(ChannelError) -> ByteChannel {
      var options = ChannelOptions()
      if name == "tokens" { options.type = .tokens }
      return try ByteChannel(over: name == "queue" ? .queue : .semaphore, options: options)
    }

    private static func remove(_ receiver: borrowing ByteReceiver) throws {
      let parameters = try receiver.transport.transfer().parameters
      KernelObjects.remove(Dictionary(parameters, uniquingKeysWith: { first, _ in first }))
    }

    @Test(arguments: ["queue", "semaphore", "tokens"])
    func callsThrowRemoved(name: String) throws {
      var channel = try Self.channel(name)
      try Self.remove(channel.receiver)
      for _ in 0..<2 {
        #expect(code { () throws(ChannelError) in try channel.sender.send([UInt8]()) } == .removed)
        #expect(
          code { () throws(ChannelError) in _ = try channel.receiver.tryReceive { $0.count } } == .removed)
        #expect(
          code { () throws(ChannelError) in
            _ = try channel.receiver.receive(within: .seconds(30)) { $0.count }
          } == .removed)
      }
      try? channel.sender.close()
      channel.receiver.close()
    }

    @Test("a receiver that sleeps is woken", arguments: ["queue", "semaphore", "tokens"])
    func waitingCallsThrowRemoved(name: String) throws {
      let channel = try Self.channel(name)
      let parameters = try channel.receiver.transport.transfer().parameters
      let peer = try Subject.peer(channel.receiver)
      try peer.order("block-receiving")
      #expect(try peer.answer() == "waiting")
      peer.untilAsleep()
      KernelObjects.remove(Dictionary(parameters, uniquingKeysWith: { first, _ in first }))
      #expect(try peer.answer().hasPrefix("removed"))
      try peer.finish()
    }
  }
}
