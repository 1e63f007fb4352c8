import Synchronization
package import SystemCalls

/// How an end learns that the other side is gone where the mechanism itself wouldn't say: two pipes (FIFOs, for a
/// channel with a name) that carry nothing. Every sender holds the writing end of one, every receiver that of the
/// other; when the last holder closes or dies, the kernel hangs up.
@usableFromInline package final class LivenessPipe: @unchecked Sendable {
  // Touched by the end's owner alone, but for what is atomic or behind a mutex.
  package enum Side: String, Sendable { case sender, receiver }

  package let side: Side
  private let hold: Mutex<Descriptor?>
  private let senders: Descriptor
  private let receivers: Descriptor
  private let record: RegistryEntry?
  /// The parent process may have the other end.
  private let isInherited: Bool
  private let gone = Atomic<Bool>(false)
  private var watch: UInt64?
  private let hook = Mutex<(@Sendable () -> Void)?>(nil)

  package init(
    _ side: Side, hold: consuming Descriptor, senders: consuming Descriptor, receivers: consuming Descriptor,
    record: RegistryEntry? = nil, isInherited: Bool = false
  ) {
    self.side = side
    self.hold = Mutex(consume hold)
    self.senders = senders
    self.receivers = receivers
    self.record = record
    self.isInherited = isInherited
  }

  deinit { stop() }

  /// The livenessPipes of an anonymous channel's two ends.
  package static func pair() throws(SystemError) -> (sender: LivenessPipe, receiver: LivenessPipe) {
    let senders = try PipeEnds.pipe2()
    let receivers = try PipeEnds.pipe2()
    try senders.reading.setNonblocking(true)
    try receivers.reading.setNonblocking(true)
    // Duplicates all, and the originals close: two noncopyable pairs can't be taken apart into one another.
    return (
      LivenessPipe(
        .sender, hold: try senders.writing.duplicate(), senders: try senders.reading.duplicate(),
        receivers: try receivers.reading.duplicate()),
      LivenessPipe(
        .receiver, hold: try receivers.writing.duplicate(), senders: try senders.reading.duplicate(),
        receivers: try receivers.reading.duplicate())
    )
  }

  /// The liveness of an end that the parent handed over, from three descriptors at `index`.
  package convenience init(_ side: Side, _ inherited: InheritedEndpoint, at index: Int) throws(ChannelError) {
    self.init(
      side, hold: Descriptor(owning: try inherited.descriptor(index)),
      senders: Descriptor(owning: try inherited.descriptor(index + 1)),
      receivers: Descriptor(owning: try inherited.descriptor(index + 2)), isInherited: true)
  }

  /// The descriptors to hand over; empty after ``leave(removing:)``.
  package var descriptors: [Int32] {
    let hold = hold.withLock { hold -> Int32 in
      switch hold {
      case .some(let hold): hold.raw
      case .none: -1
      }
    }
    return hold < 0 ? [] : [hold, senders.raw, receivers.raw]
  }

  package var isAnonymous: Bool { record == nil }

  /// Whether no receiver holds its side: one that died before this end looked never hangs up for it.
  package var nobodyReceives: Bool { Self.nobodyWrites(receivers) }

  /// For a mechanism that waits in poll(2) anyway: hangs up when the last peer is gone.
  package var pollable: Int32 { peers }

  private var peers: Int32 { side == .sender ? receivers.raw : senders.raw }

  /// Begins to watch the other side. `wake` runs on the monitor's thread when it is gone.
  package func start(_ wake: @escaping @Sendable () -> Void) throws(SystemError) {
    watch = try PeerMonitor.watch(peers) { [weak self] in
      self?.gone.store(true, ordering: .sequentiallyConsistent)
      wake()
      self?.hook.withLock { $0 }?()
    }
  }

  /// Also calls this when the other side is gone; nil: no more.
  package func tellWhenGone(_ hook: (@Sendable () -> Void)?) { self.hook.withLock { $0 = hook } }

  /// After this, `wake` runs no more.
  package func stop() {
    if let watch { PeerMonitor.unwatch(peers, watch) }
    watch = nil
  }

  /// The last peer has closed or died. False while none has come yet.
  @inline(__always) package var peersGone: Bool { gone.load(ordering: .acquiring) }

  /// The same, in one order with everything else that is sequentially consistent.
  package var peersGoneInOrder: Bool { gone.load(ordering: .sequentiallyConsistent) }

  /// For who saw the hang-up in a poll(2) of its own.
  package func notePeersGone() { gone.store(true, ordering: .sequentiallyConsistent) }

  /// Closes this process's hold without ending the channel: the child that it was handed to holds it now.
  package func surrender() {
    stop()
    letGo()
  }

  /// True: it was held until now.
  @discardableResult private func letGo() -> Bool {
    hold.withLock { hold in
      let wasHeld = hold != nil
      hold = nil
      return wasHeld
    }
  }

  /// Lets go. When nobody else is left on either side, removes what the channel made, and its name.
  package func leave(removing remove: () -> Void) {
    stop()
    leave(again: false, removing: remove)
  }

  /// - Parameter again: also looks whether somebody is left where it had let go before. Not where the channel has a name, which
  ///   may be another's by then.
  /// - Returns: whether it was removed.
  @discardableResult private func leave(again: Bool, removing remove: () -> Void) -> Bool {
    guard let record else {
      guard letGo() || again, isAlone else { return false }
      remove()
      return true
    }
    guard hold.withLock({ $0 != nil }) else { return false }
    return record.whileLocked {
      letGo()
      guard isAlone else { return false }
      remove()
      record.remove()
      return true
    }
  }

  private var isAlone: Bool { Self.nobodyHas(senders.raw, receivers.raw) }

  /// Whether nobody holds any end of the channel with these two pipes.
  static func nobodyHas(_ senders: Int32, _ receivers: Int32) -> Bool {
    Processes.betweenSpawns { nobodyWrites(senders) && nobodyWrites(receivers) }
  }

  // MARK: System V objects

  /// The owner's end has begun, and has the System V objects in these parameters.
  package func keep(_ owner: AnyObject, _ parameters: [(key: String, value: String)]) {
    ResourceCleaner.register(
      owner, parameters, isInherited: isInherited, leave: { [self] in leaveAtEnd(parameters) },
      isAlone: { [self] in isAlone })
  }

  /// Looks once more whether somebody is left. False: others have the channel.
  private func leaveAtEnd(_ parameters: [(key: String, value: String)]) -> Bool {
    // A name's objects are looked after by whoever opens it next.
    leave(again: true) { ResourceCleaner.remove(parameters) } || record != nil
  }

  /// Lets go of what ``keep(_:_:)`` was told of.
  package func leave(_ owner: AnyObject, _ parameters: [(key: String, value: String)]) {
    stop()
    let removed = leave(again: false) { ResourceCleaner.remove(parameters) }
    // Only now: this process may be ended between the two.
    ResourceCleaner.hasClosed(owner, alone: removed)
  }

  /// The owner's end goes to a child. Until that has ended, what is returned is kept; if nobody has the channel then, its
  /// objects go.
  package func surrender(_ owner: AnyObject, _ parameters: [(key: String, value: String)]) -> Escrow {
    ResourceCleaner.forget(owner)
    surrender()
    // This process may exit before it has seen the child's end.
    let child = HandedOver()
    keep(child, parameters)
    return Escrow {
      // The owner has the memory, which must be there when the child attaches it.
      _ = withExtendedLifetime(owner) { self.leaveAtEnd(parameters) }
      ResourceCleaner.forget(child)
    }
  }

  private final class HandedOver: Sendable {}

  /// A pipe without a writer is at its end; with one, it has nothing to read yet. It is in non-blocking mode.
  package static func nobodyWrites(_ pipe: borrowing Descriptor) -> Bool { nobodyWrites(pipe.raw) }

  static func nobodyWrites(_ raw: Int32) -> Bool {
    unsafe withUnsafeTemporaryAllocation(byteCount: 1, alignment: 1) { buffer in
      do throws(SystemError) {
        return unsafe try Streams.read(raw, into: buffer) == 0
      } catch {
        return false
      }
    }
  }
}
