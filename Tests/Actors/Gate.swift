import Synchronization
import SystemCalls

/// A place where calls wait until it is opened: the middle of a call, without sleeping.
package final class Gate: Sendable {
  private struct State {
    var isOpen = false
    var arrived = 0
    var inside: [CheckedContinuation<Void, Never>] = []
    var watchers: [(count: Int, continuation: CheckedContinuation<Void, Never>)] = []
  }

  private let state = Locked(State())
  private static let known = Locked<[String: Gate]>([:])

  package init() {}

  /// This process's gate of this name; made when it is first asked for.
  package static subscript(_ name: String) -> Gate {
    known.withLock { known in
      if let gate = known[name] { return gate }
      let gate = Gate()
      known[name] = gate
      return gate
    }
  }

  /// Counts an arrival, and waits until it is open.
  package func pass() async {
    await withCheckedContinuation { continuation in
      let resumed = state.withLock { state in
        state.arrived += 1
        let arrived = state.arrived
        var resumed = state.watchers.filter { $0.count <= arrived }.map(\.continuation)
        state.watchers.removeAll { $0.count <= arrived }
        if state.isOpen { resumed.append(continuation) } else { state.inside.append(continuation) }
        return resumed
      }
      for one in resumed { one.resume() }
    }
  }

  /// Waits until so many calls have arrived, those that have continued included.
  package func untilArrived(_ count: Int) async {
    await withCheckedContinuation { continuation in
      let isThere = state.withLock { state in
        if state.arrived >= count { return true }
        state.watchers.append((count, continuation))
        return false
      }
      if isThere { continuation.resume() }
    }
  }

  package var arrived: Int { state.withLock { $0.arrived } }

  /// Lets all calls continue, also those that arrive later.
  package func open() {
    let inside = state.withLock { state in
      state.isOpen = true
      defer { state.inside = [] }
      return state.inside
    }
    for one in inside { one.resume() }
  }
}
