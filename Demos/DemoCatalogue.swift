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
    POSIXQueueDemo.self,
    POSIXSemaphoreDemo.self,
    EventfdDemo.self,
    SignalDemo.self,
    PopenDemo.self,
    MemfdDemo.self,
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
