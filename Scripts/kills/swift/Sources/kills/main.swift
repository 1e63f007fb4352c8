import Glibc
import IPC
import IPCWorkers
import Synchronization

// This library's part of kills.py: the same three programs as its peers', with what a user of the library writes.
//
//   kills queue ADDRESS STOP     two senders and two receivers, which open ADDRESS
//   kills pair MECHANISM         a sender and a receiver, which are passed the endpoints of a channel
//   kills pool MECHANISM STOP    four workers
//   kills clean                  removes what killed processes have left, as every program of the library does
//
// STOP is a file: once it is there, senders and pools end.

let arguments = Array(CommandLine.arguments.dropFirst())

/// The messages: some that go at once, and one that is larger than most mechanisms take in one piece.
let messages = [64, 4096, 100_000].map { [UInt8](repeating: UInt8($0 % 251), count: $0) }

/// After so many messages a process says that it takes part.
let messagesBeforeReport = 20

/// How many jobs the pool is given at a time.
let jobsAtATime = 400

/// One write(2), so that the lines of several processes stay whole.
func say(_ line: String) {
  let bytes = Array((line + "\n").utf8)
  _ = write(STDOUT_FILENO, bytes, bytes.count)
}

/// Sends until the file is there, or until no receiver is left.
func send(_ sender: inout Sender<[UInt8]>, until stop: String?) throws(ChannelError) {
  var count = 0
  while stop.map({ access($0, F_OK) != 0 }) ?? true {
    do throws(ChannelError) {
      try sender.send(messages[count % messages.count])
    } catch {
      if error.code == .closed { return }
      throw error
    }
    count += 1
    if count == messagesBeforeReport { say("sender \(getpid())") }
  }
}

/// Receives until no sender is left.
func receive(_ receiver: inout Receiver<[UInt8]>) throws(ChannelError) {
  var count = 0
  while let message = try receiver.next() {
    guard messages.contains(message) else {
      say("damaged: a message of \(message.count) bytes")
      exit(1)
    }
    count += 1
    if count == messagesBeforeReport { say("receiver \(getpid())") }
  }
}

/// A job takes 100 µs of a CPU, about.
func work(_ number: Int) -> Int {
  let end = ContinuousClock.now + .microseconds(100)
  while ContinuousClock.now < end {}
  return number + 1
}

/// Waits for a child. It may have been killed, and may not have failed.
func finish(_ child: inout ChildProcess) throws(ChannelError) {
  let exit = try child.wait()
  if exit != .code(0), exit != .signal(SIGKILL) { say("error: a process ended with \(exit)") }
}

// Ends the process, if nothing else does.
alarm(getenv("KILLS_LIMIT").flatMap { UInt32(String(cString: $0)) } ?? 120)

runProgram {
  switch arguments.first {
  case "queue":
    let rest = Array(arguments.dropFirst())
    var first = try ChildProcess.spawn(arguments: ["receive"] + rest)
    var second = try ChildProcess.spawn(arguments: ["receive"] + rest)
    var third = try ChildProcess.spawn(arguments: ["send"] + rest)
    var fourth = try ChildProcess.spawn(arguments: ["send"] + rest)
    try finish(&third)
    try finish(&fourth)
    try finish(&first)
    try finish(&second)
    say("done")
  case "receive":
    var receiver = try Receiver<[UInt8]>(at: arguments[1])
    try receive(&receiver)
  case "send":
    var sender = try Sender<[UInt8]>(to: arguments[1])
    try send(&sender, until: arguments[2])
    try sender.close()

  case "pair":
    var channel = try Channel<[UInt8]>(over: Mechanism(named: arguments[1]))
    var receiving = try ChildProcess.spawn(arguments: ["take"]) {
      try $0.pass(&channel.receiver, as: "channel")
    }
    var sending = try ChildProcess.spawn(arguments: ["give"]) { try $0.pass(&channel.sender, as: "channel") }
    try finish(&sending)
    try finish(&receiving)
    say("done")
  case "take":
    var receiver = try Receiver<[UInt8]>(inherited: "channel")
    try receive(&receiver)
  case "give":
    var sender = try Sender<[UInt8]>(inherited: "channel")
    try send(&sender, until: nil)

  case "pool":
    var options = WorkerPoolOptions(workers: 4, over: try Mechanism(named: arguments[1]))
    options.arguments = ["work"]
    let pool = try WorkerPool<Int, Int>(options)
    while access(arguments[2], F_OK) != 0 {
      let sum = Atomic(0)
      pool.process(Array(0..<jobsAtATime)) { outcome in
        if case .success(let number) = outcome.result { sum.add(number, ordering: .relaxed) }
        return []
      }
      if sum.load(ordering: .relaxed) != jobsAtATime * (jobsAtATime + 1) / 2 {
        say("error: results are missing")
      }
    }
    pool.close()
    say("done")
  case "work":
    var isFirst = true
    try WorkerPool<Int, Int>.serve { number in
      if isFirst { say("worker \(getpid())") }
      isFirst = false
      return work(number)
    }

  default:
    _ = try Channel<String>(over: .queue)
  }
}
