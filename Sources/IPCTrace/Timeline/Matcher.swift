/// Finds what belongs together: a value's sending and its receiving, a job's lease and its work, an actor's call and its answer.
struct Matcher {
  /// When a lane's last call on a channel began.
  var lastCall: [Int: [Int: UInt64]] = [:]

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

  // MARK: Calls

  /// Whether a call takes a message to others.
  static func carries(_ call: TraceEvent.Call) -> Bool { CallRole(call).contains(.writes) }

  /// Whether a call carries messages, or waits for them.
  static func moves(_ call: TraceEvent.Call) -> Bool {
    call.waits || call.name == "sem_post" || call.name == "connect"
      || !CallRole(call).isDisjoint(with: [.reads, .writes, .operates])
  }
}
