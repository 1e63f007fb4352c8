/// Finds what belongs together: a message's sending and its receiving, a sleep and what ended it.
struct Matcher {
  struct Place {
    let lane: Int
    let time: UInt64
    let number: Int64
  }

  // MARK: Messages

  private struct StreamKey: Hashable {
    let channel: Int
    let sender: UInt32
  }

  /// First in, first out.
  private struct Queue {
    private var places: [Place] = []
    private var first = 0
    var isEmpty: Bool { first == places.count }
    mutating func append(_ place: Place) { places.append(place) }
    mutating func popFirst() -> Place? {
      guard first < places.count else { return nil }
      let place = places[first]
      first += 1
      if first > 1024, first > places.count / 2 {
        places.removeFirst(first)
        first = 0
      }
      return place
    }
  }

  private var sent: [StreamKey: Queue] = [:]
  private var received: [StreamKey: Queue] = [:]
  /// The senders of a channel that have a number.
  private var senders: [Int: Set<UInt32>] = [:]
  /// When a lane's last call on a channel began.
  var lastCall: [Int: [Int: UInt64]] = [:]

  /// The k-th message of a sender is the k-th that is received of it. A receiver may say so before the sender does, whose call
  /// returns later.
  mutating func message(
    _ channel: Int, _ sender: UInt32, _ isSent: Bool, _ place: Place
  ) -> (from: Place, to: Place)? {
    let key = StreamKey(channel: channel, sender: sender)
    if isSent {
      senders[channel, default: []].insert(sender)
      // A receiver of lines doesn't know which sender a line has.
      for other in [key, StreamKey(channel: channel, sender: 0)] {
        if let to = received[other]?.popFirst() { return (place, to) }
      }
      sent[key, default: Queue()].append(place)
      return nil
    }
    if let from = sent[key]?.popFirst() { return (from, place) }
    if sender == 0 {
      for other in senders[channel] ?? [] {
        if let from = sent[StreamKey(channel: channel, sender: other)]?.popFirst() { return (from, place) }
      }
    }
    received[key, default: Queue()].append(place)
    return nil
  }

  // MARK: Values between tasks

  struct ValueKey: Hashable {
    let process: Int32
    let channel: UInt64
    let number: Int64
  }

  private var values: [ValueKey: (lane: Int, time: UInt64)] = [:]

  /// Where a value that is received was sent.
  mutating func value(
    _ key: ValueKey, _ isSent: Bool, _ lane: Int, _ time: UInt64
  ) -> (lane: Int, time: UInt64)? {
    if isSent {
      values[key] = (lane, time)
      return nil
    }
    return values.removeValue(forKey: key)
  }

  // MARK: Work

  struct WorkKey: Hashable {
    let worker: Int32
    let number: Int64
  }

  /// Jobs that were leased, begun and ended; calls of actors that were made, have arrived, and were answered.
  var leased: [WorkKey: (lane: Int, time: UInt64, job: Int)] = [:]
  var working: [WorkKey: Int] = [:]
  var done: [WorkKey: (lane: Int, time: UInt64)] = [:]
  var called: [Int64: (lane: Int, time: UInt64, span: Int?)] = [:]
  var arrived: [Int64: (lane: Int, time: UInt64, span: Int?)] = [:]
  var answered: [Int64: (lane: Int, time: UInt64)] = [:]

  // MARK: Wake-ups

  /// What a call does to those that sleep on its object.
  private enum Effect {
    case fills, drains, wakes, closes
  }

  private struct Act {
    let lane: Int
    let time: UInt64
    let effect: Effect
  }

  /// The last acts on each object, the newest last.
  private var acts: [String: [Act]] = [:]
  private static let kept = 32

  private static func effect(_ call: TraceEvent.Call) -> Effect? {
    switch call.name {
    case "write", "writev", "pwritev2", "sendmsg", "send", "msgsnd", "mq_timedsend", "connect": return .fills
    case "read", "preadv2", "recvmsg", "recv", "msgrcv", "mq_timedreceive", "accept4": return .drains
    case "semtimedop", "semctl", "sem_post", "msgctl", "rt_tgsigqueueinfo": return .wakes
    case "futex":
      if case .word(_, operation: 1) = call.subject { return .wakes }
      return nil
    case "close", "shutdown": return .closes
    default: return nil
    }
  }

  /// Whether a call takes a message to others.
  static func carries(_ call: TraceEvent.Call) -> Bool {
    if case .fills = effect(call) { return true }
    return false
  }

  /// Whether a call carries messages, or waits for them.
  static func moves(_ call: TraceEvent.Call) -> Bool {
    switch effect(call) {
    case .fills, .drains: true
    case .wakes: call.name != "futex" && call.name != "semctl" && call.name != "msgctl"
    case .closes: false
    case nil: call.waits
    }
  }

  /// A call begins that may wake others.
  mutating func acts(_ place: String, _ call: TraceEvent.Call, _ lane: Int, _ time: UInt64) {
    guard let effect = Self.effect(call) else { return }
    var list = acts[place] ?? []
    if list.count >= Self.kept { list.removeFirst(Self.kept / 2) }
    list.append(Act(lane: lane, time: time, effect: effect))
    acts[place] = list
  }

  /// What ended a sleep from `begin` to `end`: the last call of another thread on the object that can have done so.
  func waker(
    of call: TraceEvent.Call, _ places: [String], _ lane: Int, _ begin: UInt64, _ end: UInt64
  ) -> (lane: Int, time: UInt64)? {
    let own = Self.effect(call)
    func canWake(_ act: Act) -> Bool {
      guard act.lane != lane, act.time <= end, act.time >= begin else { return false }
      switch own {
      case .fills: return act.effect == .drains || act.effect == .closes
      case .drains: return act.effect == .fills || act.effect == .closes || act.effect == .wakes
      default: return true
      }
    }
    return places.compactMap { acts[$0]?.last(where: canWake) }.max { $0.time < $1.time }.map {
      ($0.lane, $0.time)
    }
  }
}
