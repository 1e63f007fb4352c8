import SystemCalls
import TestSupport
import Testing

@testable import IPC

extension AllTests {
  /// When a wait tries before it sleeps. If this is wrong, a wait uses a whole CPU, or every message costs a wake-up.
  @Suite(.guarded) struct SpinPolicyTests {
    private static let isAlone = Processes.processorsOnline < 2
    private static let severalProcessors = ConditionTrait.enabled(if: !isAlone, "it needs several processors")

    /// How often one wait tried. `finds`: whether a try succeeds.
    private func tries(_ spinPolicy: inout SpinPolicy, finds: Bool, at attempt: Int = 1) throws -> Int {
      var count = 0
      let found = try spinPolicy.spin(until: .never) { () throws(ChannelError) in
        count += 1
        return finds && count >= attempt
      }
      #expect(found == (finds && count > 0))
      return count
    }

    @Test("block never tries")
    func block() throws {
      var spinPolicy = SpinPolicy(.block)
      for _ in 0..<200 { #expect(try tries(&spinPolicy, finds: true) == 0) }
    }

    @Test("spin tries until it succeeds, however long that takes")
    func spin() throws {
      var spinPolicy = SpinPolicy(.spin)
      for attempt in [1, 2, 64, 65, 1000, 100_000] {
        #expect(try tries(&spinPolicy, finds: true, at: attempt) == attempt)
      }
      // A deadline ends it, after a try.
      var count = 0
      let isLate = try !spinPolicy.spin(until: .now) { () throws(ChannelError) in
        count += 1
        return false
      }
      #expect(isLate && count > 0)
    }

    @Test(
      "adaptive stops trying after a few failures, for longer and longer, and tries again", severalProcessors)
    func adaptive() throws {
      var spinPolicy = SpinPolicy(.adaptive)
      for _ in 0..<3 { #expect(try tries(&spinPolicy, finds: false) > 0) }
      // The number of waits that sleep at once between two that try.
      var pauses: [Int] = []
      for _ in 0..<8 {
        var pause = 0
        while try tries(&spinPolicy, finds: false) == 0 { pause += 1 }
        pauses.append(pause)
      }
      #expect(pauses == [4, 8, 16, 32, 64, 64, 64, 64])
    }

    @Test("adaptive recovers when one try has succeeded", severalProcessors)
    func recovers() throws {
      var spinPolicy = SpinPolicy(.adaptive)
      for _ in 0..<400 { _ = try tries(&spinPolicy, finds: false) }
      // A peer that answers at once is noticed within the longest pause.
      var waits = 0
      while try tries(&spinPolicy, finds: true) == 0 { waits += 1 }
      #expect(waits <= 64)
      for _ in 0..<500 { #expect(try tries(&spinPolicy, finds: true) == 1) }
      // After that it behaves as a new one.
      for _ in 0..<3 { #expect(try tries(&spinPolicy, finds: false) > 0) }
      var pause = 0
      while try tries(&spinPolicy, finds: true) == 0 { pause += 1 }
      #expect(pause == 4)
    }

    @Test("failures that aren't consecutive don't stop it", severalProcessors)
    func interruptedFailures() throws {
      var spinPolicy = SpinPolicy(.adaptive)
      for _ in 0..<100 {
        #expect(try tries(&spinPolicy, finds: false) > 0)
        #expect(try tries(&spinPolicy, finds: false) > 0)
        #expect(try tries(&spinPolicy, finds: true) == 1)
      }
    }

    @Test(
      "on a machine with one processor it never tries", .enabled(if: isAlone, "it needs a single processor"))
    func oneProcessor() throws {
      var spinPolicy = SpinPolicy(.adaptive)
      for _ in 0..<200 { #expect(try tries(&spinPolicy, finds: true) == 0) }
    }

    @Test("an error of an attempt is thrown", arguments: [WaitStrategy.spin, .adaptive])
    func errors(_ strategy: WaitStrategy) throws {
      guard strategy == .spin || !Self.isAlone else { return }
      var spinPolicy = SpinPolicy(strategy)
      let thrown = code { () throws(ChannelError) in
        try spinPolicy.spin(until: .never) { () throws(ChannelError) in
          throw ChannelError(.closed, .receive, .memory, "the sender has closed")
        }
      }
      #expect(thrown == .closed)
    }
  }
}
