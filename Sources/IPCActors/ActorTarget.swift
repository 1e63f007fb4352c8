import Distributed
import Synchronization
import SystemCalls

/// A function that other processes can call.
final class ActorTarget: Sendable {
  let identifier: String
  let generics: [any Any.Type]
  let execution: TargetExecution?
  /// Whether it was seen to call actors of other processes.
  private let makesCalls = Atomic<Bool>(false)
  /// How often it was executed, up to ``sufficientCalls``.
  private let executions = Atomic<Int>(0)
  /// A running mean of its duration in nanoseconds. A function that hasn't run yet counts as long.
  private let mean = Atomic<UInt64>(ActorTarget.longestNanoseconds)
  /// A call that takes less than the wake-up of another thread costs runs on the receiving thread.
  private static let shortNanoseconds: UInt64 = 20_000
  private static let longestNanoseconds: UInt64 = 1_000_000

  init(_ identifier: String, generics: [any Any.Type]) {
    self.identifier = identifier
    self.generics = generics
    execution = generics.isEmpty ? TargetExecution(identifier) : nil
  }

  var call: RemoteCallTarget { RemoteCallTarget(identifier) }

  /// A function that has made no calls in so many executions is taken to be one that never does.
  private static let sufficientCalls = 1000

  /// Whether it calls no actors of other processes, as far as its executions until now show.
  var makesNoCalls: Bool {
    !makesCalls.load(ordering: .relaxed) && executions.load(ordering: .relaxed) >= Self.sufficientCalls
  }

  /// Records that it has called an actor of another process.
  func recordCall() { makesCalls.store(true, ordering: .relaxed) }

  var isShort: Bool { mean.load(ordering: .relaxed) < Self.shortNanoseconds }

  /// Records how long one execution has taken.
  func recordDuration(_ nanoseconds: UInt64) {
    // Two threads at the same time may lose one of the values, which doesn't matter to a mean.
    if executions.load(ordering: .relaxed) < Self.sufficientCalls { executions.add(1, ordering: .relaxed) }
    let before = mean.load(ordering: .relaxed)
    mean.store((before * 3 + min(nanoseconds, Self.longestNanoseconds)) / 4, ordering: .relaxed)
  }
}
