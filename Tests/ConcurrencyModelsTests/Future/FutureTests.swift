import ConcurrencyModels
import TestSupport
import Testing

extension AllConcurrencyModelsTests {
  /// A result that isn't there yet.
  @Suite(.watched) struct FutureTests {
    /// What callbacks of one thread append to.
    private final class Words {
      var words: [String] = []
    }

    private struct Odd: Error {}

    @Test func itHasOneResult() throws {
      let future = Future<Int>()
      #expect(!future.isDone)
      #expect(future.result == nil)
      #expect(future.succeed(1))
      #expect(future.isDone)
      #expect(!future.succeed(2))
      #expect(!future.fail(Odd()))
      #expect(!future.resolve(.success(3)))
      #expect(try future.result?.get() == 1)
    }

    @Test func anErrorIsOneToo() {
      let future = Future<Int>()
      #expect(future.fail(Odd()))
      #expect(!future.succeed(1))
      #expect(future.isDone)
      #expect(throws: Odd.self) { try future.result?.get() }
    }

    @Test func itCallsBackInTheOrderInWhichTheyCame() {
      let (future, log) = (Future<Int>(), Words())
      for number in 0..<10 { future.whenDone { log.words.append("\(number)") } }
      #expect(log.words.isEmpty)
      future.succeed(1)
      #expect(log.words == (0..<10).map { "\($0)" })
      // Once.
      future.succeed(2)
      #expect(log.words.count == 10)
    }

    @Test func whenItIsDoneItCallsBackAtOnce() {
      let (future, log) = (Future<Int>(), Words())
      future.succeed(1)
      future.whenDone { log.words.append("done") }
      #expect(log.words == ["done"])
    }

    @Test func aCallbackSeesTheResult() throws {
      let future = Future<String>()
      var seen: String?
      future.whenDone { seen = try? future.result?.get() }
      future.succeed("here")
      #expect(seen == "here")
    }

    @Test func aCallbackMayAddAnother() {
      let (future, log) = (Future<Int>(), Words())
      future.whenDone {
        log.words.append("first")
        future.whenDone { log.words.append("added") }
        log.words.append("end of first")
      }
      future.whenDone { log.words.append("second") }
      future.succeed(1)
      // It is done by then.
      #expect(log.words == ["first", "added", "end of first", "second"])
    }

    @Test func aCallbackMayTryToResolveIt() throws {
      let (future, log) = (Future<Int>(), Words())
      future.whenDone { log.words.append("\(future.succeed(2))") }
      future.whenDone { log.words.append("second") }
      #expect(future.succeed(1))
      #expect(log.words == ["false", "second"])
      #expect(try future.result?.get() == 1)
    }

    @Test func itKeepsNoCallbackThatWasCalled() {
      let future = Future<Int>()
      weak var called: Words?
      weak var uncalled: Words?
      do {
        let log = Words()
        called = log
        future.whenDone { log.words.append("called") }
        #expect(called != nil)
        future.succeed(1)
      }
      do {
        let log = Words()
        uncalled = log
        Future<Int>().whenDone { log.words.append("never") }
      }
      #expect(called == nil)
      #expect(uncalled == nil)
      #expect(future.isDone)
    }
  }
}
