import Testing

@testable import IPC

extension AllTests {
  @Suite struct DeadlineTests {
    @Test("zero or less is now; more than the clock can count is never")
    func within() {
      for duration in [Duration.zero, .seconds(-1), .nanoseconds(-1), .seconds(Int64.min)] {
        #expect(Deadline.within(duration) == .now)
      }
      for duration in [Duration.seconds(9_000_000_000), .seconds(Int64.max)] {
        #expect(Deadline.within(duration) == .never)
      }
      let hour = Deadline.within(.seconds(3600))
      #expect(!hour.isNow && !hour.isNever && !hour.hasPassed)
      #expect(hour.remaining! > 0 && hour.remaining! <= 3_600_000_000_000)
      #expect(!Deadline.within(.seconds(8_999_999_999)).hasPassed)
      #expect(Deadline.within(.nanoseconds(1)) != .now)
    }

    @Test("the remaining time, in full and in slices")
    func remaining() {
      #expect(Deadline.never.remaining == nil)
      #expect(Deadline.never.remaining(atMost: 5) == 5)
      #expect(Deadline.now.remaining == 0)
      #expect(Deadline.now.remaining(atMost: 5) == 0)
      #expect(Deadline(nanoseconds: 1).remaining == 0)
      #expect(Deadline.within(.seconds(3600)).remaining(atMost: 5) == 5)
      #expect(Deadline.now.hasPassed && Deadline(nanoseconds: 1).hasPassed)
      #expect(!Deadline.never.hasPassed && Deadline.never.isNever && Deadline.now.isNow)
    }
  }
}
