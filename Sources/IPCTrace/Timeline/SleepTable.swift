/// Which threads sleep on which object, and which calls may have ended their sleep.
///
/// A call on an object wakes those that sleep on the same one: a write(2) wakes readers, a read(2) writers, a futex(2) those at the same
/// word. One that fails wakes none. Which of several did it, the kernel doesn't say:
/// - a reader, or a thread at a word, is woken by the first call that began while it slept;
/// - a writer, and a semop(2), may be woken several times before there is enough: the last call let it finish;
/// - an end of file comes from a close(2), or from the end of a process.
struct SleepTable {
  /// A call that may wake others.
  struct Waker {
    let lane: Int
    let serial: Int
    /// When it began.
    let time: UInt64
  }

  struct Wakers {
    /// It ran already when the sleeper's call began.
    var earlier: Waker?
    var first: Waker?
    /// The last one that has begun, and the last before it that has succeeded.
    var last: Waker?
    var succeeded: Waker?
    /// One that makes room, of interest to a poll(2) for that alone.
    var room: Waker?
    /// The last one that closes, or a process that ends.
    var closing: Waker?

    /// The one that ended a call with this result; nil: not known.
    func waker(_ role: CallRole, result: Int64) -> Waker? {
      if result == -1 { return closing }
      if role.contains(.readsStream) { return result == 0 ? closing : first ?? earlier }
      let needsAll = !role.isDisjoint(with: [.writes, .operates])
      return (needsAll ? last : first) ?? room ?? earlier ?? closing
    }

    mutating func began(_ waker: Waker, _ role: CallRole, of sleeper: CallRole) {
      if role.contains(.closes) {
        closing = waker
      } else if role.contains(.reads), !sleeper.contains(.writes) {
        room = room ?? waker
      } else {
        first = first ?? waker
        last = waker
      }
    }

    /// One of those that began has ended.
    mutating func ended(_ waker: Waker, failed: Bool) {
      if last?.serial == waker.serial { failed ? (last = succeeded) : (succeeded = waker) }
      guard failed else { return }
      if earlier?.serial == waker.serial { earlier = nil }
      if first?.serial == waker.serial { first = nil }
      if room?.serial == waker.serial { room = nil }
      if closing?.serial == waker.serial { closing = nil }
    }
  }

  /// A call that hasn't ended.
  struct Call {
    let call: TraceEvent.Call
    let role: CallRole
    let process: Int32
    let begin: UInt64
    /// The object, by a name that all processes share; nil: none, or not known.
    let place: String?
    let channel: Int?
    /// What one process puts into it, another takes out.
    let crosses: Bool
    fileprivate var serial = 0
    /// What may have ended its sleep.
    fileprivate(set) var wakers = Wakers()

    init(
      _ call: TraceEvent.Call, process: Int32, begin: UInt64, place: String?, channel: Int?, crosses: Bool
    ) {
      self.call = call
      role = CallRole(call)
      self.process = process
      self.begin = begin
      self.place = place
      self.channel = channel
      self.crosses = crosses
    }
  }

  /// The call that each lane is in.
  private var open: [Call?] = []
  /// The lanes that are in a call on an object.
  private var running: [String: [Int]] = [:]
  /// The processes whose epoll(7) has an object, and their lanes in epoll_wait(2).
  private var watchers: [String: Set<Int32>] = [:]
  private var polling: [Int32: [Int]] = [:]
  private var serials = 0
  /// With more threads at one object, the trace doesn't look at all of them.
  private static let mostLanes = 256

  // MARK: Calls

  /// The calls that haven't ended, with their lanes.
  var calls: [(lane: Int, call: Call)] {
    open.indices.compactMap { lane in open[lane].map { (lane, $0) } }
  }

  /// A call begins: it may wake those that sleep, and may sleep itself.
  mutating func begin(_ new: Call, _ lane: Int) {
    var call = new
    serials += 1
    call.serial = serials
    if let place = call.place {
      let waker = Waker(lane: lane, serial: call.serial, time: call.begin)
      for other in others(at: place, besides: lane) {
        if Self.wakes(call, open[other]!) {
          open[other]!.wakers.began(waker, call.role, of: open[other]!.role)
        }
        if Self.wakes(open[other]!, call) {
          call.wakers.earlier = Waker(lane: other, serial: open[other]!.serial, time: open[other]!.begin)
        }
      }
      if !call.role.isEmpty { running[place, default: []].append(lane) }
      watch(call, place)
    }
    if call.role.contains(.pollsMany) { polling[call.process, default: []].append(lane) }
    if open.count <= lane { open += Array(repeating: nil, count: lane + 1 - open.count) }
    open[lane] = call
  }

  /// The lane's call ends.
  /// - Returns: the call; nil: the trace hasn't its begin.
  @discardableResult mutating func end(_ lane: Int, _ time: UInt64, failed: Bool) -> Call? {
    guard open.indices.contains(lane), let call = open[lane] else { return nil }
    open[lane] = nil
    if call.role.contains(.pollsMany) { polling[call.process]?.removeAll { $0 == lane } }
    guard let place = call.place, !call.role.isEmpty else { return call }
    running[place]?.removeAll { $0 == lane }
    if running[place]?.isEmpty == true { running[place] = nil }
    let waker = Waker(lane: lane, serial: call.serial, time: call.begin)
    for other in others(at: place, besides: lane) { open[other]!.wakers.ended(waker, failed: failed) }
    return call
  }

  /// A process ends: the kernel closes what it has.
  mutating func processEnds(_ process: Int32, _ lane: Int, _ time: UInt64, _ places: Set<String>) {
    serials += 1
    let waker = Waker(lane: lane, serial: serials, time: time)
    for place in places {
      for other in others(at: place, besides: lane) where open[other]!.process != process {
        open[other]!.wakers.closing = waker
      }
    }
  }

  /// What a process waits for in its epoll(7).
  private mutating func watch(_ call: Call, _ place: String) {
    let removes = call.call.name == "close" || CallText.EpollOperation(rawValue: call.call.detail) == .remove
    if call.call.name == "epoll_ctl", !removes {
      watchers[place, default: []].insert(call.process)
    } else if call.call.name == "epoll_ctl" || call.call.name == "close" {
      watchers[place]?.remove(call.process)
      if watchers[place]?.isEmpty == true { watchers[place] = nil }
    }
  }

  /// The lanes that are in a call on an object, or wait in epoll_wait(2) for it among others.
  private func others(at place: String, besides lane: Int) -> [Int] {
    var found = running[place]?.prefix(Self.mostLanes).filter { $0 != lane } ?? []
    for process in watchers[place] ?? [] { found += (polling[process] ?? []).filter { $0 != lane } }
    return found
  }

  /// Whether a call ends the sleep of another one on the same object, if that sleeps.
  private static func wakes(_ call: Call, _ sleeper: Call) -> Bool {
    guard sleeper.call.waits, !(call.crosses && call.process == sleeper.process) else { return false }
    let polls = !sleeper.role.isDisjoint(with: [.polls, .pollsMany])
    if call.role.contains(.closes) {
      return polls || !sleeper.role.isDisjoint(with: [.reads, .writes, .operates])
    }
    if call.role.contains(.writes) { return polls || sleeper.role.contains(.reads) }
    if call.role.contains(.reads) { return polls || sleeper.role.contains(.writes) }
    if call.role.contains(.wakesWord) { return sleeper.role.contains(.waitsForWord) }
    guard call.role.contains(.operates), sleeper.role.contains(.operates) else { return false }
    let steps = SemaphoreStep.unpacked(call.call.detail)
    return SemaphoreStep.unpacked(sleeper.call.detail).contains { wanted in
      steps.contains {
        $0.semaphore == wanted.semaphore && (wanted.change < 0 ? $0.change > 0 : $0.change < 0)
      }
    }
  }
}
