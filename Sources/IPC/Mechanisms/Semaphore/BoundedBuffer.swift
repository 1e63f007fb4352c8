import SystemCalls

/// The classic bounded buffer: slots in a System V segment, and a set of System V semaphores that counts the free
/// and the used ones and lets one sender and one receiver in at a time.
///
/// What a process changes while it is inside, it changes with SEM_UNDO, so the kernel takes it back if the process
/// dies there: the mutex opens, a slot half written is free again, a message half read is still used. A last
/// semop(2) makes the change final: it takes the undo away (+1 with SEM_UNDO, -1 without, which is nothing to the
/// value) and moves everything else in the same step. Where the next slot is, is kept in semaphores too, so that
/// it moves in that step and not before or after.
final class BoundedBuffer: @unchecked Sendable {
  enum Index {
    static let sending = 0, receiving = 1, free = 2, used = 3, tail = 4, head = 5
  }

  static let slotBytes = 4096
  static let headerBytes = 4096
  /// A wait looks this often whether the other side is still there; the kernel wakes it for everything else.
  static let slice: UInt64 = 80_000_000

  let set: Int32
  let slots: Int
  let liveness: LivenessPipe
  private let segment: Segment
  /// How often the sending and the receiving side were entered: as long as only this end enters, it needn't ask
  /// the kernel where the next slot is.
  private let entered: SharedCounter
  private var lastEntry: UInt64 = .max
  private var position = 0

  static func segmentBytes(slots: Int) -> Int { headerBytes + slots * (slotBytes + 8) }

  static func values(slots: Int) -> [UInt16] { [1, 1, UInt16(slots), 0, 0, 0] }

  init(set: Int32, slots: Int, segment: consuming Segment, liveness: LivenessPipe) throws(ChannelError) {
    guard (2...16384).contains(slots), unsafe segment.bytes.count >= Self.segmentBytes(slots: slots) else {
      throw ChannelError(
        .system, .open, .semaphore, "the segment beside set \(set) is too small: remove the name")
    }
    self.set = set
    self.slots = slots
    self.liveness = liveness
    entered = unsafe SharedCounter(segment.bytes, at: liveness.side == .sender ? 128 : 256)
    self.segment = segment
    try translating(.open, .semaphore) { () throws(SystemError) in try liveness.start {} }
    liveness.keep(self, parameters)
  }

  deinit { close() }

  func close() { liveness.leave(self, parameters) }

  private var parameters: [(key: String, value: String)] {
    [("set", String(set)), ("segment", String(segment.id)), ("slots", String(slots))]
  }

  func transfer() throws(ChannelError) -> EndpointTransfer {
    if !liveness.isAnonymous { throw .named(.semaphore) }
    return EndpointTransfer(parameters: parameters, descriptors: liveness.descriptors) {
      self.liveness.surrender(self, self.parameters)
    }
  }

  /// One semop(2), waiting in slices. False: the deadline passed, or the other side is gone.
  func operate(
    _ operations: Semaphores.Steps, until deadline: Deadline, tries: Int = 1, _ operation: ChannelOperation
  ) throws(ChannelError) -> Bool {
    while true {
      do throws(SystemError) {
        try Semaphores.semtimedop(
          set, operations, nanoseconds: deadline.isNow ? 0 : deadline.remaining(atMost: Self.slice),
          tries: tries)
        return true
      } catch {
        guard error.wouldBlock else { throw ChannelError(error, operation, .semaphore) }
        if deadline.hasPassed || liveness.peersGone { return false }
      }
    }
  }

  /// Waits until a count is above 0, and leaves it so: one semop(2) takes one and gives it back. True also when the other
  /// side is gone, or the set.
  func waitUntilPositive(_ index: Int, until deadline: Deadline) -> Bool {
    let look = Semaphores.Steps(Semaphores.Operation(index, -1), Semaphores.Operation(index, 1))
    let found = try? operate(look, until: deadline, .wait)
    return found ?? true || liveness.peersGone
  }

  /// The slot that this side works on next; call it inside.
  func slot(_ index: Int, _ operation: ChannelOperation) throws(ChannelError) -> UnsafeMutableRawBufferPointer
  {
    let entry = entered.load()
    entered.store(entry &+ 1)
    if entry != lastEntry || lastEntry == .max {
      position = try translating(operation, .semaphore) { () throws(SystemError) in
        try Semaphores.semctl(value: set, index)
      }
    }
    guard (0..<slots).contains(position) else { throw .violation(.semaphore, "slot \(position) of \(slots)") }
    lastEntry = entry &+ 1
    let start = Self.headerBytes + position * (Self.slotBytes + 8)
    return unsafe UnsafeMutableRawBufferPointer(rebasing: segment.bytes[start..<(start + Self.slotBytes + 8)])
  }

  /// The steps that end a side's turn at a slot: made once, since there are only four of them.
  struct Leaving {
    /// By whether the next slot is the first again, and whether the side goes on inside.
    private let steps: [Semaphores.Steps]

    /// - Parameters:
    ///   - mine: the count that was taken with an undo, and is now taken for good.
    ///   - theirs: the count that the other side waits for.
    init(mutex: Int, mine: Int, theirs: Int, place: Int, slots: Int) {
      typealias Step = Semaphores.Operation
      steps = [1, -(slots - 1)].flatMap { move in
        [
          Semaphores.Steps(
            Step(mine, 1, undo: true), Step(mine, -1), Step(theirs, 1), Step(place, move),
            Step(mutex, 1, undo: true)),
          Semaphores.Steps(Step(mine, 1, undo: true), Step(mine, -1), Step(theirs, 1), Step(place, move)),
        ]
      }
    }

    fileprivate func steps(wraps: Bool, staysInside: Bool) -> Semaphores.Steps {
      steps[(wraps ? 2 : 0) + (staysInside ? 1 : 0)]
    }
  }

  /// Ends this side's turn at its slot, and moves it to the next. False: the set is gone.
  func leave(
    _ leaving: borrowing Leaving, staysInside: Bool, _ operation: ChannelOperation
  ) throws(ChannelError) -> Bool {
    let wraps = position == slots - 1
    position = wraps ? 0 : position + 1
    return try operate(leaving.steps(wraps: wraps, staysInside: staysInside), until: .now, operation)
  }
}
