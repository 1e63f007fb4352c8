import Synchronization
import SystemCalls

/// What one endpoint holds of its channel's kernel objects: their ids, its attachments, and its liveness pipe.
///
/// Queues, semaphores and segments outlive the processes that use them. The owner removes them when it closes and no
/// other endpoint is left, when the process exits, and when the child that the endpoint was passed to has ended.
final class KernelObjectOwner: Sendable {
  let mechanism: Mechanism
  let liveness: LivenessPipe
  private let ids: [(key: String, value: String)]
  /// What a child needs besides the liveness pipe's descriptors: memory or a queue behind a descriptor.
  private let descriptors: [Int32]
  /// What keeps shared memory attached for as long as `wake` may run.
  private let attachments: (any AttachedMemory)?

  /// - Parameters:
  ///   - ids: the ids of System V objects, and what else a child needs, as a transfer passes them on.
  ///   - attachments: keeps the shared memory attached that `wake` and the endpoint use.
  ///   - wake: wakes this endpoint's waiting calls; runs on the monitor's thread when the last peer is gone.
  init(
    _ mechanism: Mechanism, _ liveness: LivenessPipe, ids: [(key: String, value: String)] = [],
    descriptors: [Int32] = [], attachments: (any AttachedMemory)? = nil,
    wake: @escaping @Sendable () -> Void = {}
  ) throws(ChannelError) {
    self.mechanism = mechanism
    self.liveness = liveness
    self.ids = ids
    self.descriptors = descriptors
    self.attachments = attachments
    try IPC.translating(.open, mechanism) { () throws(SystemError) in try liveness.start(wake) }
    ResourceCleaner.register(
      self, ids, isInherited: liveness.isInherited,
      leave: { [liveness, ids] in Self.leaveAtEnd(liveness, ids) },
      isAlone: { [liveness] in liveness.isAlone })
  }

  deinit { close() }

  /// As of a ``SenderTransport``, for a trace.
  var objects: [String] {
    let kinds = ids.compactMap { id -> String? in
      switch KernelObjects.Kind(rawValue: id.key) {
      case .queue: "queue:\(id.value)"
      case .set, .mutexes: "semaphores:\(id.value)"
      case .segment: "segment:\(id.value)"
      case nil: nil
      }
    }
    let memory = attachments.map { attached in
      let bytes = unsafe attached.bytes
      return "memory:\(UInt(bitPattern: bytes.baseAddress))+\(bytes.count)"
    }
    return kinds + descriptors.map { "fd:\($0)" } + (memory.map { [$0] } ?? [])
  }

  /// The last peer has closed or died. False while none has come yet.
  @inline(__always) var peersGone: Bool { liveness.peersGone }

  /// Waits in poll(2) for a descriptor, or for the end of the last peer, which it notes before the monitor's thread does.
  /// - Returns: false if the deadline passes.
  func poll(
    _ descriptor: Int32, read: Bool = false, write: Bool = false, until deadline: Deadline,
    _ operation: ChannelError.Operation
  ) throws(ChannelError) -> Bool {
    if deadline.hasPassed { return false }
    var entries = [PollEntry(descriptor, read: read, write: write), PollEntry(liveness.pollable)]
    let ready = try IPC.translating(operation, mechanism) { () throws(SystemError) in
      try ppoll(&entries, nanoseconds: deadline.remaining)
    }
    if entries[1].hungUp { liveness.notePeersGone() }
    return ready > 0
  }

  /// The kernel's error on one of the objects, as a channel reports it. An object is gone because the next receiver of the name
  /// has begun a channel of its own, which a sender of this one finds closed; or because another program removed it.
  @inline(never) func failure(_ error: SystemError, _ operation: ChannelError.Operation) -> ChannelError {
    guard error.meansRemoved else { return ChannelError(error, operation, mechanism) }
    guard liveness.side == .sender, liveness.hasNoReceiver else { return .removed(operation, mechanism) }
    liveness.notePeersGone()
    return .closed(operation, mechanism)
  }

  /// Runs a call on the objects.
  func translating<Result>(
    _ operation: ChannelError.Operation, _ call: () throws(SystemError) -> Result
  ) throws(ChannelError) -> Result {
    do throws(SystemError) {
      return try call()
    } catch {
      throw failure(error, operation)
    }
  }

  /// Lets go, and removes the objects if no endpoint is left. Further calls do nothing.
  func close() {
    liveness.stop()
    let removed = liveness.leave { ResourceCleaner.remove(ids) }
    // Only now: this process may be ended between the two.
    ResourceCleaner.hasClosed(self, alone: removed)
  }

  func transfer() throws(ChannelError) -> EndpointTransfer {
    guard liveness.isAnonymous else { throw .named(mechanism) }
    return EndpointTransfer(parameters: ids, descriptors: liveness.descriptors + descriptors)
  }

  /// Closes this process's hold, which the child has now.
  /// - Returns: what is kept until the child has ended: the ids, and the memory, which a child can attach only while a
  ///   process has it.
  func finishTransfer() -> AnyObject? {
    let isKept = attachments != nil || KernelObjects.outliveProcess(ids.map(\.key))
    // Registered before this one is forgotten: a signal may end the process between the two.
    let passed = isKept ? PassedObjects(liveness, ids, attachments) : nil
    ResourceCleaner.forget(self)
    liveness.releaseToChild()
    return passed
  }

  /// Looks once more whether an endpoint is left. Returns false if other processes have the channel.
  fileprivate static func leaveAtEnd(_ liveness: LivenessPipe, _ ids: [(key: String, value: String)]) -> Bool
  {
    // The next process to open the name removes what an earlier channel has left there.
    liveness.leave(again: true) { ResourceCleaner.remove(ids) } || !liveness.isAnonymous
  }
}

/// The objects of an endpoint that was passed to a child. Once the child has ended, they go if no process has the
/// channel.
private final class PassedObjects {
  private let liveness: LivenessPipe
  private let ids: [(key: String, value: String)]
  private let attachments: AnyObject?

  init(_ liveness: LivenessPipe, _ ids: [(key: String, value: String)], _ attachments: AnyObject?) {
    self.liveness = liveness
    self.ids = ids
    self.attachments = attachments
    // This process may exit before it has seen the child's end.
    ResourceCleaner.register(
      self, ids, isInherited: liveness.isInherited, leave: { KernelObjectOwner.leaveAtEnd(liveness, ids) },
      isAlone: { liveness.isAlone })
  }

  deinit {
    _ = KernelObjectOwner.leaveAtEnd(liveness, ids)
    ResourceCleaner.forget(self)
  }
}

/// Memory that an endpoint shares with other processes, and keeps attached.
protocol AttachedMemory: AnyObject, Sendable {
  var bytes: UnsafeMutableRawBufferPointer { get }
}

/// Keeps a System V segment attached: shmdt(2) when the last endpoint in this process lets go.
final class AttachedSegment: AttachedMemory {
  let segment: Segment
  var bytes: UnsafeMutableRawBufferPointer { unsafe segment.bytes }

  /// Nil if another user created the segment.
  init?(shmat id: Int32) throws(SystemError) {
    guard let segment = try Segment(shmat: id) else { return nil }
    self.segment = segment
  }

  /// One that was just made.
  init(_ segment: consuming Segment) { self.segment = segment }
}
