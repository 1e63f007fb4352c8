import Glibc
import Synchronization
import SystemCalls

/// Ends a child when its parent dies: the parent holds the write end of a pipe, which the kernel hangs up with it.
///
/// Until the child has an object that outlives it, the kernel itself ends the child by a signal (F_SETSIG, O_ASYNC,
/// which CSystem sets before `main`). From then on the child watches the pipe, and removes such objects first.
enum ParentDeathPipe {
  private static let watchedParent = Atomic<Int32>(0)

  /// The parent that this process had when it began to watch; nil if it has no pipe.
  static var parent: Int32? {
    let parent = watchedParent.load(ordering: .relaxed)
    return parent == 0 ? nil : parent
  }

  /// Whether this process watches its parent's pipe. Reading it begins to.
  static let isWatched: Bool = {
    guard let text = Processes.variable(Spawn.parentDeathVariable), let number = Int32(text) else {
      return false
    }
    try? Inheritance.closeOnExec(number)
    Inheritance.registerUntaken()
    let parent = Processes.parent
    watchedParent.store(parent, ordering: .relaxed)
    let watch = try? PeerMonitor.watch(number, endsProcess: true) {
      // The parent is gone, and with it whatever used what this process makes. Objects that would outlive this process
      // go, and then it does, wherever it is.
      ResourceCleaner.leave(parent)
      Processes.exitNow(Processes.exitCode(ofSignal: SIGKILL))
    }
    guard watch != nil else { return false }
    // The kernel need not signal any more.
    if let flags = try? system(.fcntl, .descriptor(number), { fcntl(number, F_GETFL) }) {
      _ = fcntl(number, F_SETFL, flags & ~O_ASYNC)
    }
    return true
  }()
}
