import SystemCalls

/// One endpoint's bounded buffer: slots in a System V segment, and a set of System V semaphores that counts the free
/// and the used ones and lets one sender and one receiver in at a time.
///
/// Every change inside a turn carries SEM_UNDO, so the kernel takes it back if the process dies there: it releases
/// the mutex, a slot half written is free again, a slot half read is used again. The last semtimedop(2) of a turn
/// makes the change final: for each semaphore that the turn changed by -1 with SEM_UNDO it adds 1 with SEM_UNDO,
/// which brings the kernel's adjustment back to 0, and takes 1 without, which restores the value. In the same step it
/// counts the slot for the peer and moves the position, which is a semaphore too, so that it moves neither before nor
/// after.
final class BoundedBuffer: @unchecked Sendable {
  /// The semaphores of the set: a mutex for the senders and one for the receivers, the counts of free and used slots,
  /// and the positions of the next slot to fill and to read.
  enum Index {
    static let sendersMutex = 0, receiversMutex = 1, free = 2, used = 3, tail = 4, head = 5
  }

  static let slotBytes = 4096
  /// Before a slot's bytes: how many it holds.
  static let slotHeaderBytes = 8
  static let slotRange = 2...16384
  static let headerBytes = 4096
  private static let sentOffset = 128, receivedOffset = 256

  let set: Int32
  let slots: Int
  private let owner: KernelObjectOwner
  private let attached: AttachedSegment
  /// How many turns the senders, or the receivers, have had: as long as only this endpoint has them, it need not ask
  /// the kernel where the next slot is.
  private let turns: SharedCounter
  private var lastTurn: UInt64 = .max
  // One thread at a time uses an endpoint, and so the position.
  private var position = 0

  static func segmentBytes(slots: Int) -> Int { headerBytes + slots * (slotBytes + slotHeaderBytes) }

  /// The first values of the set.
  static func values(slots: Int) -> [UInt16] { [1, 1, UInt16(slots), 0, 0, 0] }

  init(_ ids: KernelObjectIDs, _ liveness: LivenessPipe) throws(ChannelError) {
    set = try ids.id("set")
    slots = try ids.number("slots", else: .wrongKind)
    guard Self.slotRange.contains(slots) else {
      throw ChannelError(
        .system, .open, .semaphore,
        "the record of this channel has \(slots) slots, where \(Self.slotRange) are possible: remove the name if no process uses it"
      )
    }
    attached = try ids.attach("segment", atLeast: Self.segmentBytes(slots: slots))
    turns = unsafe SharedCounter(
      attached.segment.bytes, at: liveness.side == .sender ? Self.sentOffset : Self.receivedOffset)
    owner = try KernelObjectOwner(
      .semaphore, liveness,
      ids: [("set", String(set)), ("segment", String(attached.segment.id)), ("slots", String(slots))]
        + ids.identity,
      attachments: attached)
  }

  var peersGone: Bool { owner.peersGone }

  /// How many slots are used.
  func usedSlots() throws(ChannelError) -> Int {
    try owner.translating(.receive) { () throws(SystemError) in
      try Semaphores.semctl(value: set, Index.used)
    }
  }

  /// Whether a message that has begun goes on: a sender is in its turn, or slots are used. Asked in this order: a sender's
  /// last slot is used before its turn ends. Where the kernel can't say, it does.
  var mayHaveMore: Bool {
    guard let free = try? Semaphores.semctl(value: set, Index.sendersMutex), free > 0,
      let used = try? Semaphores.semctl(value: set, Index.used)
    else { return true }
    return used > 0
  }

  var objects: [String] { owner.objects }

  func close() { owner.close() }
  func transfer() throws(ChannelError) -> EndpointTransfer { try owner.transfer() }
  func finishTransfer() -> AnyObject? { owner.finishTransfer() }

  /// One semtimedop(2), waiting in slices. Returns false if the deadline passes, or the peers are gone.
  @inline(__always) func semtimedop(
    _ steps: borrowing Semaphores.Steps, until deadline: Deadline, tries: Int = 1,
    _ operation: ChannelError.Operation
  ) throws(ChannelError) -> Bool {
    try SemaphoreMechanism.semtimedopInSlices(set, steps, until: deadline, tries: tries, owner, operation)
  }

  func waitUntilPositive(_ index: Int, until deadline: Deadline) -> Bool {
    SemaphoreMechanism.waitUntilPositive(set, index, until: deadline, owner)
  }

  /// The slot of this turn, whose position the semaphore at `index` has. Call it inside the turn.
  func slot(_ index: Int, _ operation: ChannelError.Operation) throws(ChannelError)
    -> UnsafeMutableRawBufferPointer
  {
    let turn = turns.load()
    turns.store(turn &+ 1)
    if turn != lastTurn || lastTurn == .max {
      position = try owner.translating(operation) { () throws(SystemError) in
        try Semaphores.semctl(value: set, index)
      }
    }
    guard (0..<slots).contains(position) else {
      throw .violation(.semaphore, "slot \(position) of \(slots)", operation)
    }
    lastTurn = turn &+ 1
    let bytes = Self.slotBytes + Self.slotHeaderBytes
    let start = Self.headerBytes + position * bytes
    return unsafe UnsafeMutableRawBufferPointer(rebasing: attached.segment.bytes[start..<(start + bytes)])
  }

  /// The steps that end a turn: made once, since there are only four of them.
  struct TurnEnd {
    /// By whether the next slot is the first again, and whether the endpoint begins its next turn at once.
    private let steps: [Semaphores.Steps]

    /// - Parameters:
    ///   - mine: the count that the turn took with an undo, and now takes for good.
    ///   - theirs: the count that the peer waits for.
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

  /// Ends this endpoint's turn at its slot, and moves to the next. Returns false if the set is gone.
  func endTurn(
    _ end: borrowing TurnEnd, staysInside: Bool, _ operation: ChannelError.Operation
  ) throws(ChannelError) -> Bool {
    let wraps = position == slots - 1
    position = wraps ? 0 : position + 1
    return try semtimedop(end.steps(wraps: wraps, staysInside: staysInside), until: .now, operation)
  }
}
