import Synchronization
import SystemCalls

/// How an endpoint learns that its peers are gone where the mechanism itself doesn't report it: two pipes (FIFOs, for a
/// channel with a name) that carry nothing. Every sender holds the write end of one, every receiver that of the other;
/// when the last holder closes or dies, the kernel hangs up (poll(2), POLLHUP).
@usableFromInline package final class LivenessPipe: @unchecked Sendable {
  // The endpoint's owner alone uses it, except what is atomic or in a mutex.
  enum Side: String, Sendable { case sender, receiver }

  /// The calls of an endpoint's liveness pipes, and of the monitor that watches them.
  static let systemCalls = MechanismTraits.SystemCalls(
    open: ["pipe2", "fcntl", "close", "epoll_create1", "epoll_ctl", "epoll_wait"], send: [], receive: [],
    wait: ["epoll_wait"], close: ["epoll_ctl", "close", "read"])

  let side: Side
  private let hold: Locked<Descriptor?>
  private let senders: Descriptor
  private let receivers: Descriptor
  private let entry: RegistryEntry?
  /// The parent process may have the other endpoint.
  let isInherited: Bool
  private let gone = Atomic<Bool>(false)
  private var watch: UInt64?
  private let hook = Locked<(@Sendable () -> Void)?>(nil)

  /// - Parameters:
  ///   - hold: the write end of this side's pipe.
  ///   - senders: the read end of the pipe whose write end every sender holds.
  ///   - receivers: the same for the receivers.
  ///   - entry: the registry entry of a channel with a name.
  init(
    _ side: Side, hold: consuming Descriptor, senders: consuming Descriptor, receivers: consuming Descriptor,
    entry: RegistryEntry? = nil, isInherited: Bool = false
  ) {
    self.side = side
    self.hold = Locked(consume hold)
    self.senders = senders
    self.receivers = receivers
    self.entry = entry
    self.isInherited = isInherited
  }

  deinit { stop() }

  /// The liveness pipes of the two endpoints of an anonymous channel.
  static func pair() throws(SystemError) -> (sender: LivenessPipe, receiver: LivenessPipe) {
    let senders = try PipeEnds.pipe2()
    let receivers = try PipeEnds.pipe2()
    try senders.reading.setNonblocking(true)
    try receivers.reading.setNonblocking(true)
    // All are duplicates, and the originals close: two noncopyable pairs can't be taken apart into one another.
    return (
      LivenessPipe(
        .sender, hold: try senders.writing.duplicate(), senders: try senders.reading.duplicate(),
        receivers: try receivers.reading.duplicate()),
      LivenessPipe(
        .receiver, hold: try receivers.writing.duplicate(), senders: try senders.reading.duplicate(),
        receivers: try receivers.reading.duplicate())
    )
  }

  /// How many descriptors an endpoint passes: ``descriptors``.
  static let descriptorCount = 3

  /// The liveness pipe of a passed endpoint: its first three descriptors.
  convenience init(_ side: Side, _ inherited: InheritedEndpoint) throws(ChannelError) {
    self.init(
      side, hold: Descriptor(owning: try inherited.descriptor(0)),
      senders: Descriptor(owning: try inherited.descriptor(1)),
      receivers: Descriptor(owning: try inherited.descriptor(2)), isInherited: true)
  }

  /// The descriptors to pass; empty once this process has let go.
  var descriptors: [Int32] {
    let hold = hold.withLock { hold -> Int32 in
      switch hold {
      case .some(let hold): hold.raw
      case .none: -1
      }
    }
    return hold < 0 ? [] : [hold, senders.raw, receivers.raw]
  }

  /// Whether the channel has no name.
  var isAnonymous: Bool { entry == nil }

  // MARK: Watching

  /// Whether no receiver holds its side. A receiver that died before this endpoint first looked never hangs up for it.
  var hasNoReceiver: Bool { Self.hasNoWriter(receivers) }

  /// For a mechanism that waits in poll(2) anyway: hangs up when the last peer is gone.
  var pollable: Int32 { side == .sender ? receivers.raw : senders.raw }

  /// Begins to watch the peers. `wake` runs on the monitor's thread when the last one is gone.
  func start(_ wake: @escaping @Sendable () -> Void) throws(SystemError) {
    // Neither retained nor weak: stop(), which the deinitializer calls too, waits for a call that runs. A weak reference has
    // memory that a leak detector can't see any more once the reference is gone and its object isn't.
    let unretained = unsafe Unmanaged.passUnretained(self)
    watch = try PeerMonitor.watch(pollable) {
      unsafe unretained._withUnsafeGuaranteedRef { pipe in
        pipe.notePeersGone()
        wake()
        pipe.hook.withLock { $0 }?()
      }
    }
  }

  /// Also calls this when the last peer is gone; nil: no more.
  func onPeersGone(_ hook: (@Sendable () -> Void)?) { self.hook.withLock { $0 = hook } }

  /// After this, `wake` runs no more.
  func stop() {
    if let watch { PeerMonitor.unwatch(pollable, watch) }
    watch = nil
  }

  /// The last peer has closed or died. False while none has come yet.
  @inline(__always) var peersGone: Bool { gone.load(ordering: .acquiring) }

  /// The same, in one order with everything else that is sequentially consistent.
  var peersGoneInOrder: Bool { gone.load(ordering: .sequentiallyConsistent) }

  /// For a caller that saw the hang-up in a poll(2) of its own.
  func notePeersGone() {
    guard !gone.exchange(true, ordering: .sequentiallyConsistent), Tracer.isOn else { return }
    Tracer.record(.peerGone, object: pollable)
  }

  // MARK: Numbers

  /// Locks the byte of the senders' pipe that has this number, until this process lets go or dies.
  func claim(_ number: UInt32) {
    hold.withLock { hold in
      // Opened once more: the lock is this process's alone, also where the parent and other children have the descriptor.
      let own: Descriptor? =
        switch hold {
        case .some(let held): try? held.reopenedNonblocking(writing: true)
        case .none: nil
        }
      if let own = consume own { hold = consume own }
      switch hold {
      case .some(let held): try? ByteLocks.lock(held.raw, byte: number)
      case .none: break
      }
    }
  }

  /// Whether the sender with this number lives. Where the kernel can't say, it counts as alive.
  func isClaimed(_ number: UInt32) -> Bool { (try? ByteLocks.isLocked(senders.raw, byte: number)) ?? true }

  // MARK: Letting go

  /// Closes this process's hold without ending the channel: the child that the endpoint was passed to has its own.
  func releaseToChild() {
    stop()
    letGo()
  }

  /// Returns true if it was held until now.
  @discardableResult private func letGo() -> Bool {
    hold.withLock { hold in
      let wasHeld = hold != nil
      hold = nil
      return wasHeld
    }
  }

  /// Lets go. If no endpoint of the channel is left in any process, runs `remove` and removes the name.
  ///
  /// - Parameter again: also looks whether an endpoint is left where this one had let go before. Not for a channel with
  ///   a name, which may be another channel's by then.
  /// - Returns: whether it ran `remove`.
  @discardableResult func leave(again: Bool = false, removing remove: () -> Void) -> Bool {
    guard let entry else {
      guard letGo() || again, isAlone else { return false }
      remove()
      return true
    }
    guard hold.withLock({ $0 != nil }) else { return false }
    return entry.whileLocked { isLocked in
      letGo()
      guard isLocked, isAlone else { return false }
      remove()
      entry.remove()
      return true
    }
  }

  /// Makes an endpoint of a channel with a name that this process has joined. If that fails, it leaves the name, and removes
  /// what no process uses.
  func leavingIfItFails<Endpoint>(
    _ entry: RegistryEntry, _ make: () throws(ChannelError) -> Endpoint
  ) throws(ChannelError) -> Endpoint {
    do throws(ChannelError) {
      return try make()
    } catch {
      leave { ResourceCleaner.remove(entry.ids) }
      throw error
    }
  }

  /// Whether no process holds an endpoint of the channel.
  var isAlone: Bool { Self.isUnused(senders.raw, receivers.raw) }

  /// Whether no process holds an endpoint of the channel with these two pipes.
  static func isUnused(_ senders: Int32, _ receivers: Int32) -> Bool {
    Processes.betweenSpawns { hasNoWriter(senders) && hasNoWriter(receivers) }
  }

  /// A pipe without a writer is at its end; with one, it has nothing to read yet. It is in non-blocking mode.
  static func hasNoWriter(_ pipe: borrowing Descriptor) -> Bool { hasNoWriter(pipe.raw) }

  private static func hasNoWriter(_ pipe: Int32) -> Bool {
    unsafe withUnsafeTemporaryAllocation(byteCount: 1, alignment: 1) { buffer in
      do throws(SystemError) {
        return unsafe try Streams.read(pipe, into: buffer) == 0
      } catch {
        return false
      }
    }
  }
}
