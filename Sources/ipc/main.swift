import IPC

let arguments = CommandLine.arguments
if arguments.count > 1, arguments[1] == "child" {
  var receiver = try Receiver.inherited("in")
  var sender = try Sender.inherited("out")
  while true {
    do {
      let bytes = try receiver.receive([UInt8].self)
      try sender.send(bytes)
    } catch {
      if error.code != .closed { print("child", error) }
      break
    }
  }
} else {
  for m in Mechanism.all {
    do {
      print(m, terminator: " ")
      let p = try Connection.make(over: m)
      var near = p.near
      var spawn = Spawn(arguments: ["child"])
      try spawn.give(p.far.receiver, as: "in")
      try spawn.give(p.far.sender, as: "out")
      var child = try spawn.start()
      let clock = ContinuousClock()
      for size in [0, 1, 100, 5000, 70000, 3_000_000] {
        let data = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        try near.sender.send(data)
        let back = try near.receiver.receive([UInt8].self)
        print(back == data ? size : -size, terminator: " ")
      }
      let t = try clock.measure {
        for _ in 0..<20000 { try near.sender.send([1, 2, 3, 4] as [UInt8]); _ = try near.receiver.receive { $0.count } }
      }
      print(t / 20000)
      try near.sender.close()
      print(try child.wait())
    } catch { print("ERR", error) }
  }
  do {
    for a in ["fifo:/tmp/ff1", "queue:q1", "semaphore:s1", "memory:m1", "unix:/tmp/uu1", "unix:/tmp/uu2?type=stream", "tcp:localhost:7123"] {
      var c = try Channel.open(a)
      try c.sender.send("hello")
      print(a, try c.receiver.receive(String.self))
      try c.sender.close()
      do { _ = try c.receiver.receive(String.self) } catch { print(error) }
    }
  }
}
