import IPC
import SystemCalls

/// An endpoint that a traced process uses in phases, each of which it marks in the trace: `open`, `send`, `receive`,
/// `wait` and `close` are the channel's, and `other` is this program's own.
final class PhasedEndpoint {
  private var sender: ByteSender?
  private var receiver: ByteReceiver?
  private var phase = ""
  /// The size of a message: 0 and 4 where the mechanism carries nothing else.
  private let size: Int
  private let null: Descriptor?

  private static let smallBytes = 10
  /// One fragment everywhere.
  private static let fillBytes = 4000
  /// Several fragments, of which every channel holds all.
  private static let largeBytes = 9000
  /// More than most channels hold.
  private static let hugeBytes = 1_200_000
  /// The most messages that are sent to fill a channel.
  private static let mostMessages = 40_000
  private static let shortWait = Duration.milliseconds(30)
  private static let longWait = Duration.seconds(20)

  init(_ traits: MechanismTraits, isTokens: Bool) {
    size = isTokens ? 0 : traits.carries == .integers ? 4 : -1
    null = try? Files.open("/dev/null", .write)
  }

  private var isCarrying: Bool { size < 0 }

  private func bytes(_ count: Int) -> [UInt8] { [UInt8](repeating: 7, count: isCarrying ? count : size) }

  // MARK: Phases

  /// Marks the beginning of a phase, once every other thread of this process sleeps: what they do because of the last
  /// phase belongs to it.
  func begin(_ phase: String) {
    settle()
    if phase == self.phase { return }
    self.phase = phase
    switch null {
    case .some(let null): try? Files.writeText(null, "phase: \(phase)")
    case .none: break
    }
  }

  private static let settleTime: UInt64 = 2_000_000_000

  private func settle() {
    let deadline = Clock.now() + Self.settleTime
    var seen = 0
    // No sleep: another process may look whether this one sleeps.
    while seen < 2, Clock.now() < deadline { seen = othersSleep ? seen + 1 : 0 }
  }

  private var othersSleep: Bool {
    let threads = (try? Files.names(in: "/proc/self/task")) ?? []
    return threads.allSatisfy { thread in
      Int32(thread) == CurrentProcess.process || isAsleep("/proc/self/task/\(thread)")
    }
  }

  // MARK: Opening and closing

  func make(over mechanism: Mechanism, _ options: ChannelOptions) throws(ChannelError) {
    begin("open")
    let channel = try ByteChannel(over: mechanism, options: options)
    sender = consume channel.sender
    receiver = consume channel.receiver
  }

  func pass(_ role: Substring, _ spawn: inout Spawn) throws(ChannelError) {
    if role == "sender" {
      try spawn.pass(&sender!, as: "end")
      sender = nil
    } else {
      try spawn.pass(&receiver!, as: "end")
      receiver = nil
    }
  }

  private func open(_ role: Substring, _ address: Substring) throws(ChannelError) {
    begin("open")
    if role == "sender" {
      sender = try ByteSender(to: String(address))
    } else {
      receiver = try ByteReceiver(at: String(address))
    }
  }

  private func inherit(_ role: Substring) throws(ChannelError) {
    begin("open")
    if role == "sender" {
      sender = try ByteSender(inherited: "end")
    } else {
      receiver = try ByteReceiver(inherited: "end")
    }
  }

  private func close() {
    begin("close")
    // What is on its way to a receiver that has closed is lost.
    try? sender?.close()
    sender = nil
    receiver = nil
  }

  /// Closes with a message that is held back.
  private func closeHolding() throws(ChannelError) {
    begin("send")
    sender!.coalesces = true
    try sender!.send(bytes(Self.smallBytes))
    close()
  }

  // MARK: Steps

  /// Does one step, and returns a number that some steps have.
  @discardableResult func step(_ text: String) throws(ChannelError) -> Int {
    let words = text.split(separator: " ")
    switch words[0] {
    case "phase": begin(String(words[1]))
    case "open": try open(words[1], words[2])
    case "inherit": try inherit(words[1])
    case "close": close()
    case "close-holding": try closeHolding()
    case "send": return try send()
    case "send-one": try sendOne()
    case "send-huge": try sendHuge()
    case "give-up-huge": return try giveUpHuge()
    case "fill": return try fill()
    case "receive": try receive(Int(words[1])!)
    case "drain": try drain(Int(words[1])!)
    case "wait-briefly": try waitBriefly()
    case "wait-message": try waitForMessage(bounded: words[1] == "bounded")
    case "wait-room": try waitForRoom(bounded: words[1] == "bounded")
    case "wait-end": try waitForEnd()
    case "send-closed": try sendIntoClosed()
    default: throw .invalid("unknown step \(text)")
    }
    return 0
  }

  /// Sends in each way that there is. Returns how many messages.
  private func send() throws(ChannelError) -> Int {
    begin("send")
    let small = bytes(Self.smallBytes)
    try sender!.send(small)
    try sender!.send(small, within: Self.longWait)
    guard try sender!.trySend(small) else { throw .invalid("a channel is full after two messages") }
    guard isCarrying else { return 3 }
    try sender!.send(bytes(Self.largeBytes))
    sender!.coalesces = true
    try sender!.send(small)
    try sender!.send(small)
    try sender!.flush()
    sender!.coalesces = false
    return 6
  }

  private func sendOne() throws(ChannelError) {
    begin("send")
    try sender!.send(bytes(Self.smallBytes))
  }

  private func sendHuge() throws(ChannelError) {
    begin("wait")
    try sender!.send(bytes(Self.hugeBytes))
  }

  /// Gives up in the middle of a message. Returns 1 if the channel has room for all of it.
  private func giveUpHuge() throws(ChannelError) -> Int {
    begin("wait")
    do throws(ChannelError) {
      try sender!.send(bytes(Self.hugeBytes), within: Self.shortWait)
      return 1
    } catch {
      guard error.code == .timedOut else { throw error }
      return 0
    }
  }

  /// Sends until there is no room. Returns how many messages, or 0 if there are too many to fill the channel.
  private func fill() throws(ChannelError) -> Int {
    let message = bytes(Self.fillBytes)
    var count = 0
    while true {
      begin("send")
      while try sender!.trySend(message) {
        count += 1
        if count > Self.mostMessages { throw .invalid("the channel doesn't become full") }
      }
      begin("wait")
      do throws(ChannelError) {
        try sender!.send(message, within: Self.shortWait)
        count += 1
      } catch {
        guard error.code == .timedOut else { throw error }
        return count
      }
    }
  }

  /// Receives so many messages, all of which are there, in each way that there is.
  private func receive(_ count: Int) throws(ChannelError) {
    begin("receive")
    for index in 0..<count {
      switch index % 3 {
      case 0: try receiver!.receive { _ in }
      case 1: try receiver!.receive(within: Self.longWait) { _ in }
      default: guard try receiver!.tryReceive({ _ in true }) != nil else { throw .invalid("no message") }
      }
    }
    guard try receiver!.tryReceive({ _ in true }) == nil else { throw .invalid("a message too many") }
  }

  /// Receives so many messages, and waits for those that aren't there yet.
  private func drain(_ count: Int) throws(ChannelError) {
    for _ in 0..<count {
      if phase != "receive" { begin("receive") }
      if try receiver!.tryReceive({ _ in true }) != nil { continue }
      begin("wait")
      try receiver!.receive(within: Self.longWait) { _ in }
    }
  }

  private func waitBriefly() throws(ChannelError) {
    begin("wait")
    do throws(ChannelError) {
      try receiver!.receive(within: Self.shortWait) { _ in }
    } catch {
      if error.code == .timedOut { return }
      throw error
    }
    throw .invalid("a message that was not sent")
  }

  private func waitForMessage(bounded: Bool) throws(ChannelError) {
    begin("wait")
    if bounded {
      try receiver!.receive(within: Self.longWait) { _ in }
    } else {
      try receiver!.receive { _ in }
    }
  }

  private func waitForRoom(bounded: Bool) throws(ChannelError) {
    begin("wait")
    if bounded {
      try sender!.send(bytes(Self.fillBytes), within: Self.longWait)
    } else {
      try sender!.send(bytes(Self.fillBytes))
    }
  }

  private func waitForEnd() throws(ChannelError) {
    begin("wait")
    do throws(ChannelError) {
      if receiver != nil {
        // The sender may have held messages back until it closed.
        while true { try receiver!.receive { _ in } }
      } else {
        while true { try sender!.send(bytes(Self.fillBytes)) }
      }
    } catch {
      if error.code != .closed { throw error }
    }
  }

  private func sendIntoClosed() throws(ChannelError) {
    begin("send")
    do throws(ChannelError) {
      while true { try sender!.send(bytes(Self.smallBytes)) }
    } catch {
      if error.code != .closed { throw error }
    }
  }
}

/// Whether a process or thread sleeps in the kernel.
private func isAsleep(_ path: String) -> Bool {
  // A thread that has ended has no file.
  guard let text = try? Files.readText(path + "/stat"), let name = text.lastIndex(of: ")") else {
    return true
  }
  return text[name...].dropFirst(2).prefix(1) == "S"
}

/// Waits until the other process sleeps: until what it was told to wait for, it waits for.
func awaitSleep(of process: Int32) {
  let deadline = Clock.now() + 20_000_000_000
  var seen = 0
  while Clock.now() < deadline, seen < 3 {
    seen = isAsleep("/proc/\(process)") ? seen + 1 : 0
    Clock.sleep(nanoseconds: 1_000_000)
  }
}

/// The traced program: this process has one endpoint, a child the other, and both go through the phases of a channel.
///
/// Arguments: the mechanism, its address's target or `-` for a channel without a name, the options, the child's role, and the
/// role that closes first.
struct PhasedRun: ~Copyable {
  /// The argument that asks for it.
  static let role = "phases"
  /// Stands for the address of a channel without a name.
  static let noTarget = "-"
  /// What the child's orders for its endpoint begin with.
  static let order = "phased"
  /// What a step begins with that waits until the parent sleeps.
  static let afterSleep = "after-sleep"

  private let local: PhasedEndpoint
  private var child: ChildProcess
  private var orders: ByteSender
  private var report: ByteReceiver
  private let childRole: Substring

  /// Ends the process with the error, if there is one.
  static func main(_ arguments: [String]) {
    do throws(ChannelError) {
      try run(arguments)
    } catch {
      print(error)
      Processes.exitNow(1)
    }
  }

  private static func run(_ arguments: [String]) throws(ChannelError) {
    let mechanism = try Mechanism(named: arguments[0])
    let isNamed = arguments[1] != noTarget
    let address = try Address("\(mechanism.name):\(isNamed ? arguments[1] : "")?\(arguments[2])")
    let childRole = arguments[3][...]
    let isTokens = mechanism.traits.carries == .tokens || address.options.type == .tokens
    let local = PhasedEndpoint(mechanism.traits, isTokens: isTokens)
    var down = try ByteChannel(over: .pipe)
    var up = try ByteChannel(over: .pipe)
    var spawn = Spawn()
    if !isNamed {
      try local.make(over: mechanism, address.options)
      local.begin("other")
      try local.pass(childRole, &spawn)
    }
    try spawn.pass(&down.receiver, as: "orders")
    try spawn.pass(&up.sender, as: "report")
    var run = PhasedRun(
      local: local, child: try spawn.start(), orders: down.sender, report: up.receiver, childRole: childRole)
    try run.tell("start \(mechanism) \(isTokens)")
    if isNamed {
      let text = address.description
      try run.by("receiver", "open receiver \(text)")
      try run.by("sender", "open sender \(text)")
    } else {
      try run.tell("inherit \(childRole)")
    }
    // Tens of thousands of tokens take too long to trace, except where they take no call.
    let fills = !isTokens || !mechanism.traits.systemCalls.receive.contains { $0 != "futex" }
    let carries = !isTokens && mechanism.traits.carries == .messages
    try run.exchange(fills: fills, carries: carries)
    try run.end(first: arguments[4][...], fills: fills, carries: carries)
    try run.finish()
  }

  private init(
    local: PhasedEndpoint, child: consuming ChildProcess, orders: consuming ByteSender,
    report: consuming ByteReceiver, childRole: Substring
  ) {
    self.local = local
    self.child = child
    self.orders = orders
    self.report = report
    self.childRole = childRole
  }

  // MARK: The script

  /// - Parameters:
  ///   - fills: whether so few messages fill the channel that a run can.
  ///   - carries: whether messages can be long.
  private mutating func exchange(fills: Bool, carries: Bool) throws(ChannelError) {
    try by("receiver", "phase receive")
    let count = try by("sender", "send")
    try by("receiver", "receive \(count)")
    try by("receiver", "wait-briefly")
    for bound in ["bounded", "unbounded"] {
      try during("receiver", "wait-message \(bound)", "sender", "send-one")
    }
    guard fills else { return }
    for bound in ["bounded", "unbounded"] {
      try by("receiver", "phase receive")
      let count = try by("sender", "fill")
      try during("sender", "wait-room \(bound)", "receiver", "drain \(count + 1)")
    }
    guard carries else { return }
    // A receiver finds the first half of a message, and that the other doesn't come.
    for look in ["receive 0", "wait-briefly"] {
      let sent = try by("sender", "give-up-huge")
      try by("receiver", sent == 0 ? look : "drain 1")
    }
    try during("sender", "send-huge", "receiver", "drain 1")
  }

  private mutating func end(first: Substring, fills: Bool, carries: Bool) throws(ChannelError) {
    if first == "sender" {
      try during("receiver", "wait-end", "sender", carries ? "close-holding" : "close")
      try by("receiver", "close")
    } else {
      if fills {
        try by("receiver", "phase receive")
        try by("sender", "fill")
        try during("sender", "wait-end", "receiver", "close")
      } else {
        // It is told while it does nothing.
        try by("sender", "phase wait")
        try by("receiver", "close")
        try by("sender", "send-closed")
      }
      try by("sender", "close")
    }
  }

  private consuming func finish() throws(ChannelError) {
    local.begin("other")
    try tell("phase other")
    try orders.close()
    guard try child.wait() == .code(0) else { throw .invalid("the child ended badly") }
  }

  // MARK: Steps of either side

  /// Waits until the child sleeps, and a command through which the messages run: what the last step left them to do is
  /// done.
  private func settle() {
    let own = "/proc/self/task/\(CurrentProcess.process)/children"
    let children = ((try? Files.readText(own)) ?? "").split(separator: " ").compactMap { Int32($0) }
    for child in children { awaitSleep(of: child) }
  }

  /// Has a side do a step.
  @discardableResult private mutating func by(
    _ side: Substring, _ step: String
  ) throws(ChannelError) -> Int {
    settle()
    return side == childRole ? try tell(step) : try local.step(step)
  }

  /// Has a side do a step in which it waits, and the other side a step once it does.
  private mutating func during(
    _ waiting: Substring, _ wait: String, _ acting: Substring, _ act: String
  ) throws(ChannelError) {
    if waiting == childRole {
      try orders.send("\(Self.order) \(wait)")
      awaitSleep(of: child.id)
      try local.step(act)
    } else {
      try orders.send("\(Self.order) \(Self.afterSleep) \(act)")
      try local.step(wait)
    }
    try answer()
  }

  @discardableResult private mutating func tell(_ step: String) throws(ChannelError) -> Int {
    try orders.send("\(Self.order) \(step)")
    return try answer()
  }

  @discardableResult private mutating func answer() throws(ChannelError) -> Int {
    let text = try report.receive(String.self, within: .seconds(30))
    guard text.hasPrefix("ok ") else { throw .invalid(text) }
    return Int(text.dropFirst("ok ".count)) ?? 0
  }
}
