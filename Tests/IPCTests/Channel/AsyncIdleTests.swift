import ConcurrencyModels
import Glibc
import IPC
import SystemCalls
import TestSupport
import Testing

extension AllTests {
  /// What waiting costs, and what a hostile peer gets.
  @Suite(.warmAsync, .guarded) struct AsyncIdle {
    /// The CPU time that `body` takes of this whole process, of the time that goes by.
    private nonisolated(nonsending) func share(_ body: () async throws -> Void) async throws -> Double {
      let before = Processes.getrusage()
      let start = Clock.now()
      try await body()
      let elapsed = Clock.now() - start
      let after = Processes.getrusage()
      let cpu =
        after.userNanoseconds + after.systemNanoseconds - before.userNanoseconds - before.systemNanoseconds
      return Double(cpu) / Double(max(1, elapsed))
    }

    @Test(arguments: Subject.once) func waitingForAMessageCostsNothing(_ subject: Subject) async throws {
      Watchdog.at(subject)
      let (receiver, peer) = try subject.asyncFromPeer()
      var code: ChannelError.Code?
      let found = try await share {
        code = try await asyncCode { try await receiver.receive([UInt8].self, within: .milliseconds(300)) }
      }
      #expect(code == .timedOut)
      #expect(found < 0.5)
      receiver.close()
      try peer.finish()
    }

    @Test(arguments: Subject.once) func waitingForRoomCostsNothing(
      _ subject: Subject
    ) async throws {
      Watchdog.at(subject)
      let (sender, peer) = try subject.asyncToPeer()
      let bytes = [UInt8](repeating: 1, count: subject.size(3000))
      // Until it stays full for so long.
      var found: Double?
      for _ in 0..<300_000 where found == nil {
        if try sender.trySend(bytes) { continue }
        var isSent = false
        let cpu = try await share {
          isSent = try await select {
            Send(bytes, to: sender) { true }
            After(.milliseconds(300)) { false }
          }
        }
        if !isSent { found = cpu }
      }
      #expect(try #require(found, "it never stays full") < 0.5)
      sender.close()
      try peer.finish()
    }

    // MARK: Garbage

    /// Whatever somebody writes into the path of a FIFO: an error, for each that waits and for a select; and no crash.
    @Test func bytesThatAreNoMessageAreAnError() async throws {
      let path = Workspace.path()
      let receiver = AsyncReceiver(try Receiver.open("fifo:\(path)"))
      let writing = unsafe open(path, O_WRONLY | O_NONBLOCK)
      try #require(writing >= 0)
      defer { close(writing) }
      let waiting = Task { try await asyncCode { try await receiver.receive() } }
      await settle()
      let garbage = [UInt8](repeating: 0xFF, count: 64)
      #expect(unsafe write(writing, garbage, garbage.count) == garbage.count)
      #expect(try await waiting.value == .protocolViolation)
      let code = try await asyncCode {
        try await select {
          Receive([UInt8].self, from: receiver) { _ in }
          After(.seconds(40)) {}
        }
      }
      #expect(code == .protocolViolation)
      receiver.close()
    }
  }
}
