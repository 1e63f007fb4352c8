import IPC
import SystemCalls

/// Executes orders on the endpoints that it holds.
final class Peer {
  var sender: ByteSender?
  var receiver: ByteReceiver?
  private var report: ByteSender?
  private var family: Family?
  private var phased: PhasedEndpoint?

  init(report: consuming ByteSender?) { self.report = report }

  /// Answers an order. Some orders answer twice: before a wait and after it.
  func answer(_ text: String) throws(ChannelError) {
    if report == nil { print(text) }
    try report?.send(text)
  }

  /// Executes one order and answers its result.
  func obey(_ order: String) throws(ChannelError) {
    let words = order.split(separator: " ").map(String.init)
    let answer: String
    do throws(ChannelError) {
      answer = try run(words[0], Array(words.dropFirst()))
    } catch {
      answer = "error \(error.code.rawValue) \(error)"
    }
    try self.answer(answer)
  }

  private func run(_ verb: String, _ words: [String]) throws(ChannelError) -> String {
    switch verb {
    case "inherit": try inherit(words[0], words[1])
    case "inherit-typed": try inheritTyped(words[0], words[1])
    case "open": try open(words[0], words[1])
    case "open-soon": try openSoon(words[0], words[1])
    case "close": try close()
    case "send": try send(words[0], Int(words[1])!, numbers(words[2]))
    case "send-within": try sendWithin(Int(words[0])!, Int(words[1])!, Int(words[2])!)
    case "take": try take(words[0], Int(words[1])!, numbers(words[2]))
    case "send-line": try sendLine(numbers(words[0])[0])
    case "flood": try flood(Int(words[0])!, Int(words[1])!, numbers(words[2]))
    case "collect": try collect(pause: Int(words[0])!)
    case "collect-some": try collectSome(Int(words[0])!)
    case "collect-while": try collectWhile(Int(words[0])!)
    case "block-sending": try blockSending(numbers(words[0])[0])
    case "block-receiving": try blockReceiving()
    case "send-until-closed": try sendUntilClosed(numbers(words[0])[0])
    case "idle": try idle(words[0], numbers(words[1])[0], words.count > 2 ? Int(words[2]) : nil)
    case "family": try found(words[0])
    case "pass-on": try passOn(words[0], Int(words[1])!)
    case "make": try make(words[0])
    case PhasedRun.order: try phased(words)
    case "timer": IntervalTimer.start(microseconds: numbers(words[0])[0], restarts: words[1] == "restart")
    case "exit": exitWithAll()
    case "leave": leave()
    default: try DirectOrders.run(verb, words) ?? "error unknown order \(verb)"
    }
  }

  private func numbers(_ text: String) -> [Int] { text.split(separator: ",").compactMap { Int($0) } }

  // MARK: Endpoints

  private func inherit(_ role: String, _ name: String) throws(ChannelError) -> String {
    if role == "sender" {
      sender = try ByteSender(inherited: name)
    } else {
      receiver = try ByteReceiver(inherited: name)
    }
    return "ok"
  }

  /// Takes an endpoint of a `Channel<String>` as another type, and then as what it is: answers the code of the first error,
  /// and what the right one received, or "sent".
  private func inheritTyped(_ role: String, _ name: String) throws(ChannelError) -> String {
    var first = "none"
    switch role {
    case "integers":
      var sender = try Sender<Int>(inherited: name)
      try sender.send(42)
      try sender.close()
      return "sent"
    case "texts":
      var sender = try Sender<String>(inherited: name)
      try sender.send("from the child")
      try sender.close()
      return "sent"
    case "pairs":
      do throws(ChannelError) {
        _ = try Receiver<[Int]>(inherited: name)
      } catch {
        first = error.code.rawValue
      }
      _ = try ByteReceiver(inherited: name)
      return first
    case "sender":
      do throws(ChannelError) {
        _ = try Sender<Int>(inherited: name)
      } catch {
        first = error.code.rawValue
      }
      var right = try Sender<String>(inherited: name)
      try right.send("from the child")
      try right.close()
      return "\(first) sent"
    default:
      do throws(ChannelError) {
        _ = try Receiver<Int>(inherited: name)
      } catch {
        first = error.code.rawValue
      }
      var right = try Receiver<String>(inherited: name)
      return "\(first) \(try right.receive())"
    }
  }

  private func open(_ role: String, _ address: String) throws(ChannelError) -> String {
    if role == "sender" {
      // The receiver exists already: a short deadline is enough.
      sender = try ByteSender(to: address, within: .milliseconds(500))
    } else {
      receiver = try ByteReceiver(at: address)
    }
    return "ok"
  }

  private func close() throws(ChannelError) -> String {
    try sender?.close()
    sender = nil
    receiver = nil
    return "ok"
  }

  /// Opens the endpoint after a delay, for which the peer has to wait.
  private func openSoon(_ role: String, _ address: String) throws(ChannelError) -> String {
    Clock.sleep(nanoseconds: 30_000_000)
    return try open(role, address)
  }

  /// Ends without closing anything: _exit(2).
  private func leave() -> String {
    try? answer("ok")
    Sending.exitAtOnce()
  }

  /// Makes a channel and holds both endpoints.
  private func make(_ mechanism: String) throws(ChannelError) -> String {
    let channel = try ByteChannel(over: Mechanism(named: mechanism))
    sender = consume channel.sender
    receiver = consume channel.receiver
    return "ok"
  }

  /// Ends with exit(3) while its endpoints are open.
  private func exitWithAll() -> String {
    try? answer("ok")
    Sending.exit()
  }

  /// Starts a child that inherits a sender and closes it. Answers the child's process id.
  private func found(_ mechanism: String) throws(ChannelError) -> String {
    let founded = try Family.founded(over: mechanism)
    let id = founded.childID
    family = consume founded
    return "\(id)"
  }

  /// Passes the inherited sender to a child, which sends and closes it. Answers the child's process id.
  private func passOn(_ name: String, _ count: Int) throws(ChannelError) -> String {
    let passing = try Family.passing(ByteSender(inherited: name), count)
    let id = passing.childID
    family = consume passing
    return "\(id)"
  }

  /// A step of a traced run, which the parent leads.
  private func phased(_ words: [String]) throws(ChannelError) -> String {
    if words[0] == "start" {
      phased = PhasedEndpoint(try Mechanism(named: words[1]).traits, isTokens: words[2] == "true")
      return "ok 0"
    }
    let isLater = words[0] == PhasedRun.afterSleep
    if isLater { awaitSleep(of: Processes.parent) }
    return "ok \(try phased!.step(words.dropFirst(isLater ? 1 : 0).joined(separator: " ")))"
  }

  // MARK: Patterned messages

  private func send(_ mode: String, _ first: Int, _ sizes: [Int]) throws(ChannelError) -> String {
    try Sending.send(&sender!, mode, first, sizes)
    return "ok"
  }

  private func sendWithin(
    _ milliseconds: Int, _ sequence: Int, _ size: Int
  ) throws(ChannelError) -> String {
    try sender!.send(Pattern.bytes(sequence, size), within: .milliseconds(milliseconds))
    return "ok"
  }

  /// A line of so many letters.
  private func sendLine(_ count: Int) throws(ChannelError) -> String {
    try sender!.send([UInt8](repeating: UInt8(ascii: "x"), count: count))
    return "ok"
  }

  private func take(_ mode: String, _ first: Int, _ sizes: [Int]) throws(ChannelError) -> String {
    if let wrong = try Sending.take(&receiver!, mode, first, sizes) { return "wrong \(wrong)" }
    return "ok"
  }

  // MARK: Numbered messages

  /// `count` messages of sender `id`, their sizes in turn; 0: tokens.
  private func flood(_ id: Int, _ count: Int, _ sizes: [Int]) throws(ChannelError) -> String {
    for sequence in 0..<count { try sendNumbered(id, sequence, sizes[sequence % sizes.count]) }
    return "ok"
  }

  private func sendNumbered(_ id: Int, _ sequence: Int, _ size: Int) throws(ChannelError) {
    try sender!.send(Numbered.bytes(id: id, sequence, size))
  }

  /// Receives until the end, with a pause of so many microseconds after each message.
  private func collect(pause: Int) throws(ChannelError) -> String {
    var tally = Tally()
    do throws(ChannelError) {
      while true {
        try receiver!.receive { tally.note($0) }
        if pause > 0 { Clock.sleep(nanoseconds: UInt64(pause) * 1000) }
      }
    } catch {
      return "\(error.code.rawValue) \(tally)"
    }
  }

  private func collectSome(_ count: Int) throws(ChannelError) -> String {
    var tally = Tally()
    for _ in 0..<count { try receiver!.receive { tally.note($0) } }
    return "ok \(tally)"
  }

  /// Receives until no message has arrived for so many milliseconds.
  private func collectWhile(_ milliseconds: Int) throws(ChannelError) -> String {
    var tally = Tally()
    do throws(ChannelError) {
      while true { try receiver!.receive(within: .milliseconds(milliseconds)) { tally.note($0) } }
    } catch {
      return "\(error.code.rawValue) \(tally)"
    }
  }

  // MARK: Waiting

  /// Fills the channel, answers, and then waits in `send`.
  private func blockSending(_ size: Int) throws(ChannelError) -> String {
    var count = 0
    while try sender!.trySend(Numbered.bytes(id: 1, count, size)) {
      count += 1
      if count > 1_000_000 { return "error never full" }
    }
    try answer("full \(count)")
    while true {
      try sendNumbered(1, count, size)
      count += 1
    }
  }

  /// Answers, and then receives until the end.
  private func blockReceiving() throws(ChannelError) -> String {
    try answer("waiting")
    return try collect(pause: 0)
  }

  private func sendUntilClosed(_ size: Int) throws(ChannelError) -> String {
    try answer("sending")
    var sequence = 0
    while true {
      try sendNumbered(1, sequence, size)
      sequence += 1
    }
  }

  /// Waits once, and answers the CPU time and the elapsed time in microseconds.
  private func idle(
    _ what: String, _ size: Int, _ milliseconds: Int?
  ) throws(ChannelError) -> String {
    let last = Pattern.bytes(0, size > 4 ? 0 : size)
    if what == "send" { try fillToTheBrim(size, last) }
    try answer("waiting")
    while true {
      let usage = Processes.getrusage()
      let start = Clock.now()
      var ended = "done"
      do throws(ChannelError) {
        switch (what, milliseconds) {
        case ("send", let milliseconds?): try sender!.send(last, within: .milliseconds(milliseconds))
        case ("send", nil): try sender!.send(last)
        case (_, let milliseconds?): try receiver!.receive(within: .milliseconds(milliseconds)) { _ in }
        case (_, nil): try receiver!.receive { _ in }
        }
      } catch {
        ended = error.code.rawValue
      }
      let elapsed = Clock.now() - start
      // A socket can still find room, a little later: that was no wait for a receiver.
      if what == "send", ended == "done", milliseconds != nil || elapsed < 100_000_000 { continue }
      let after = Processes.getrusage()
      let cpu =
        after.userNanoseconds + after.systemNanoseconds - usage.userNanoseconds - usage.systemNanoseconds
      return "\(ended) \(cpu / 1000) \(elapsed / 1000)"
    }
  }

  /// Fills in large steps, then in small ones until the channel stays full.
  private func fillToTheBrim(_ size: Int, _ last: [UInt8]) throws(ChannelError) {
    while true {
      while try sender!.trySend(Pattern.bytes(0, size)) {}
      while try sender!.trySend(last) {}
      do throws(ChannelError) {
        try sender!.send(last, within: .milliseconds(20))
      } catch {
        guard error.code == .timedOut else { throw error }
        return
      }
    }
  }
}
