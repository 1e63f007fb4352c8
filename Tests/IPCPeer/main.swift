import IPC
import TestActors
import TestWorkers

// The other process of the tests. It does what comes over `orders`, one order a message, and answers each
// over `report`. A process that nobody handed these to answers one order, its arguments, on standard output:
// that is how one of another user is asked, which could not use what it inherits. With the argument `actors` it hosts
// actors, and with `worker` it is the worker of a pool.
let arguments = CommandLine.arguments.dropFirst()
if arguments.isEmpty {
  var orders = try Receiver.inherited("orders")
  let peer = Peer(report: try Sender.inherited("report"))
  while let order = try? orders.receive(String.self) { try peer.obey(order) }
} else if arguments.first == TestHost.role {
  try TestHost.serve()
} else if arguments.first == TestWorker.role {
  try TestWorker.serve()
} else {
  let peer = Peer(report: nil)
  try peer.obey(arguments.joined(separator: " "))
}
