import ConcurrencyModels
import IPC
import SystemCalls
import TestSupport
import Testing

extension AllTests {
  /// What waiting costs.
  @Suite(.warmAsync, .guarded, Sanitizer.isOff) struct AsyncIdleTests {
    /// The CPU time of this process while `body` runs, as a share of the elapsed time.
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

    @Test(arguments: Subject.once) func waitingForAMessageUsesNoCPU(_ subject: Subject) async throws {
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

    @Test(arguments: Subject.once) func waitingForRoomUsesNoCPU(
      _ subject: Subject
    ) async throws {
      Watchdog.at(subject)
      let (sender, peer) = try subject.asyncToPeer()
      let bytes = [UInt8](repeating: 1, count: subject.size(3000))
      // Until the channel stays full for that long.
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
  }
}
