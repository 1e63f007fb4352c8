import Distributed
import Synchronization
import SystemCalls

/// A function that can be called from outside.
final class ActorTarget: Sendable {
  let identifier: String
  let generics: [any Any.Type]
  let execution: TargetExecution?
  /// How long it takes, roughly, in nanoseconds: a running mean. At first it isn't known, and so taken to be long.
  private let makesCalls = Atomic<Bool>(false)
  private let quiet = Atomic<Int>(0)
  private let mean = Atomic<UInt64>(ActorTarget.longest)
  /// A call that takes less than another thread's wake-up costs is carried out where it arrives.
  private static let short: UInt64 = 20_000
  private static let longest: UInt64 = 1_000_000

  init(_ identifier: String, generics: [any Any.Type]) {
    self.identifier = identifier
    self.generics = generics
    execution = generics.isEmpty ? TargetExecution(identifier) : nil
  }

  var call: RemoteCallTarget { RemoteCallTarget(identifier) }

  /// So many calls of a function that has called nobody, and it is taken to be one that doesn't.
  private static let enough = 1000

  /// Whether it calls actors of other processes, as far as is known: none has been seen in many calls of it.
  var callsNobody: Bool {
    !makesCalls.load(ordering: .relaxed) && quiet.load(ordering: .relaxed) >= Self.enough
  }

  func hasCalled() { makesCalls.store(true, ordering: .relaxed) }

  var isShort: Bool { mean.load(ordering: .relaxed) < Self.short }

  func took(_ nanoseconds: UInt64) {
    // Two at a time may lose one of them, which a mean survives.
    if quiet.load(ordering: .relaxed) < Self.enough { quiet.add(1, ordering: .relaxed) }
    let before = mean.load(ordering: .relaxed)
    mean.store((before * 3 + min(nanoseconds, Self.longest)) / 4, ordering: .relaxed)
  }
}
