import Glibc

/// A demo: a mechanism or a model of concurrency, explained by a run.
///
/// A demo of a mechanism has two processes: `run` is the one that the reader starts, and it starts this program again to
/// run `other`.
package protocol Demo: SendableMetatype {
  /// The name in `ipc demo NAME`.
  static var name: String { get }
  /// The line in the list of demos.
  static var summary: String { get }
  /// What the process does that the reader starts.
  static func run() throws
  /// What the other process does; `role` is the argument that ``arguments(_:)`` was called with.
  static func other(_ role: String) throws
}

extension Demo {
  /// A demo of a model has one process.
  package static func other(_ role: String) throws {}

  /// The arguments with which this program is the demo's other process.
  static func arguments(_ role: String) -> [String] { ["demo", name, role] }
}

/// Every demo: the mechanisms, then the models of concurrency. This list is the only one.
package enum DemoCatalogue {
  package static let all: [any Demo.Type] = [
    PipeDemo.self,
    FIFODemo.self,
    QueueDemo.self,
    SemaphoreDemo.self,
    MemoryDemo.self,
    UnixDemo.self,
    TCPDemo.self,
    SequentialDemo.self,
    ThreadsDemo.self,
    CallbacksDemo.self,
    GeneratorsDemo.self,
    FuturesDemo.self,
    AsyncDemo.self,
    ChannelsDemo.self,
    SelectDemo.self,
    SchedulerDemo.self,
    ActorsDemo.self,
    ProcessesDemo.self,
  ]
}

/// Prints what a process does, after its role and its id: two processes write to the same terminal.
func say(_ role: String, _ text: String) {
  print("\(role) \(getpid())  \(text)")
  // At once, so that the lines of both processes appear in the order in which they were printed.
  fflush(nil)
}
