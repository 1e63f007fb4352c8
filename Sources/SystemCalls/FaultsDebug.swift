#if DEBUG
  import Synchronization
  import Glibc

  /// Makes the n-th call of a kind fail as the kernel could: an errno, an EINTR, a short count. Debug builds only;
  /// a release build has `FaultsRelease.swift` instead, which is empty and costs nothing.
  package enum Faults {
    package enum Effect: Sendable, Hashable {
      /// The call isn't made, and fails with this errno. EINTR is retried by the gate, as a real one is.
      case errno(Int32)
      /// The call is made with at most this many bytes.
      case short(Int)
    }

    package struct Plan: Sendable {
      package let call: SystemCall
      /// Which call of this kind, counted from 1 since the plan was installed.
      package let at: Int
      package let effect: Effect
      var seen = 0
      package fileprivate(set) var fired = false

      package init(_ call: SystemCall, at: Int, _ effect: Effect) {
        self.call = call
        self.at = at
        self.effect = effect
      }
    }

    // The lock is only taken while a test has plans installed.
    private static let armed = Atomic<Bool>(false)
    private static let plans = Locked<[Plan]>([])

    /// Runs `body` with these plans, then removes them. Returns which of them fired. Plans are the whole
    /// process's: tests that install them must not run beside others.
    package static func with<Failure: Error>(
      _ list: [Plan], _ body: () throws(Failure) -> Void
    ) throws(Failure) -> [Bool] {
      plans.withLock { $0 = list }
      armed.store(true, ordering: .releasing)
      defer {
        armed.store(false, ordering: .releasing)
        plans.withLock { $0 = [] }
      }
      try body()
      return plans.withLock { $0.map(\.fired) }
    }

    package static func errno(for call: SystemCall) -> Int32? {
      guard armed.load(ordering: .acquiring) else { return nil }
      return plans.withLock { plans in
        for index in plans.indices where plans[index].call == call {
          guard case .errno(let number) = plans[index].effect else { continue }
          plans[index].seen += 1
          if plans[index].seen == plans[index].at {
            plans[index].fired = true
            return number
          }
        }
        return nil
      }
    }

    package static func count(for call: SystemCall, _ count: Int) -> Int {
      guard armed.load(ordering: .acquiring) else { return count }
      return plans.withLock { plans in
        for index in plans.indices where plans[index].call == call {
          guard case .short(let limit) = plans[index].effect else { continue }
          plans[index].seen += 1
          if plans[index].seen == plans[index].at, limit < count {
            plans[index].fired = true
            return limit
          }
        }
        return count
      }
    }
  }
#endif
