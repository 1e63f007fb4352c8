import TestSupport
import Testing

@testable import IPCActors

extension AllIPCActorsTests {
  /// The state machine of a process's calls.
  @Suite(.guarded) struct ActorCallTableTests {
    /// The table of calls by itself: which calls are answered, which wait, and what an answer leads to.
    @Test func callsAreAnsweredCancelledOrEnded() async throws {
      for outcome in 0..<3 {
        let result = unsafe try? await withUnsafeThrowingContinuation {
          (continuation: UnsafeContinuation<ActorAnswer, any Error>) in
          var table = ActorCallTable()
          let caller = unsafe ActorCaller(continuation: continuation)
          let isSent = table.begin(UnsentCall(id: 1, caller: caller) { _, _, _ in })
          #expect(isSent)
          let stranger = table.complete(2)
          #expect(stranger == nil)
          switch outcome {
          case 0: table.complete(1)?.caller?.resume(returning: ActorAnswer(frame: [0], start: 0))
          case 1:
            table.cancel(1)?.resume(throwing: CancellationError())
            let again = table.cancel(1)
            #expect(again == nil)
            let late = table.complete(1)
            #expect(late != nil && late?.caller == nil)
            let later = table.complete(1)
            #expect(later == nil)
          default:
            let left = table.end(.gone)
            #expect(left.sent.count == 1 && left.unsent.isEmpty)
            for caller in left.sent { caller.resume(throwing: IPCActorError.gone) }
            #expect(table.failure == .gone)
          }
        }
        #expect((result != nil) == (outcome == 0))
      }
    }
  }
}
