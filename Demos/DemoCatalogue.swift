import Glibc

/// A demo: one side of the conversation is `run`, the other process is this program again with `other`.
package protocol Demo: SendableMetatype {
  static var name: String { get }
  static var summary: String { get }
  /// The process that the reader started.
  static func run() throws
  /// The process that it starts; `role` is what it was started with.
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

/// Says what a process does, with its id in front: two processes write to the same terminal.
func say(_ who: String, _ what: String) {
  print("\(who) \(getpid())  \(what)")
  // Now, or the other process's lines would come before.
  fflush(nil)
}
