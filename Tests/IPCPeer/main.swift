import Glibc
import IPC
import TestActors
import TestWorkers
import ToyMechanism

// The other process of the tests. It executes the orders that arrive over `orders`, one per message, and answers each
// over `report`. Without these endpoints it executes one order, its arguments, and answers on standard output: a process
// of another user is asked that way, because it couldn't use what it inherits. With the argument `actors` it hosts
// actors; with `worker` it is the worker of a pool, with `pool-of-integers` a pool itself; with `phases` it takes a channel through its phases under strace(1);
// with `program` it is a program that `runProgram` runs; with `closed-streams` one without some of its standard streams.
Catalogue.add(SocketPairMechanism.self)
let arguments = CommandLine.arguments.dropFirst()
// An error is one line: a crash would start a backtracer, which outlives a killed process.
runProgram {
  if arguments.isEmpty {
    var orders = try ByteReceiver(inherited: "orders")
    let peer = Peer(report: try ByteSender(inherited: "report"))
    while let order = try? orders.receive(String.self) { try peer.obey(order) }
  } else if arguments.first == TestHost.role {
    try TestHost.serve()
  } else if arguments.first == TestWorker.role {
    try TestWorker.serve()
  } else if arguments.first == TestWorker.integerWorkerRole {
    try TestWorker.serveIntegers()
  } else if arguments.first == TestWorker.integersRole {
    print(
      try TestWorker.poolIntegers(Int(arguments.last ?? "") ?? 0, over: arguments.dropFirst().first ?? ""))
  } else if arguments.first == TestWorker.forgetfulRole {
    exit(TestWorker.forget() == .notServed ? 42 : 1)
  } else if arguments.first == PhasedRun.role {
    PhasedRun.main(Array(arguments.dropFirst()))
  } else if arguments.first == ClosedStreams.role {
    try ClosedStreams.run(arguments.last ?? "")
  } else if arguments.first == ProgramRun.role {
    runProgram {
      var channel = try Channel<String>(over: .pipe)
      try channel.sender.send(try ProgramRun.work(arguments.dropFirst()))
      print(try channel.receiver.receive())
    }
    print("and on")
  } else {
    let peer = Peer(report: nil)
    try peer.obey(arguments.joined(separator: " "))
  }
}
