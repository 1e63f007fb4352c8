import SystemCalls

/// Realtime signals (signal(7)): each carries an int, so a message is exactly four bytes.
///
/// - Opening: shmget(2) and shmat(2) give a small segment, which says which thread receives, and how many signals may
///   still be sent. The receiver starts a thread that blocks the signal.
/// - Sending: a place is taken from the segment's count, so that neither the kernel's limit nor the receiver's pipe
///   overflows; rt_tgsigqueueinfo(2) then queues the signal to the receiver's thread.
/// - Receiving: the thread takes each signal with sigwaitinfo(2) (rt_sigtimedwait(2)) and writes its int to a pipe
///   with write(2), from which read(2) takes it; the place goes back to the count.
/// - Waiting: the sender at an event count in the segment (futex(2)), the receiver in ppoll(2).
/// - Dying: the liveness pipe hangs up. A sender that died between taking a place and sending keeps that place; the
///   receiver waits 100 ms for signals that may still be on their way.
enum SignalMechanism: KernelObjectMechanism {
  static let mechanism = Mechanism.signal

  static let traits = MechanismTraits(
    summary: "realtime signals: an int of four bytes each", addressForm: "signal:NAME",
    systemCalls: MechanismTraits.SystemCalls(
      open: ["shmget", "shmat", "shmctl", "shmdt", "pipe2", "fcntl", "rt_sigtimedwait"],
      send: ["rt_tgsigqueueinfo"], receive: ["rt_sigtimedwait", "write", "read", "futex"],
      wait: ["futex", "ppoll", "rt_tgsigqueueinfo", "rt_sigtimedwait", "write", "read"],
      close: ["rt_tgsigqueueinfo", "futex", "shmctl", "shmdt"]
    )
    .adding(LivenessPipe.systemCalls, RegistryEntry.systemCalls),
    carries: .integers, manySenders: true, manyReceivers: false, coalesces: false, outlivesProcesses: true,
    caveat: "\(places) on their way at most, within ulimit -i of the receiver's user")

  /// How many signals may be on their way.
  static let places = 1024

  static func create(_ options: ChannelOptions, _ key: Int32) throws(ChannelError) -> CreatedObjects {
    try translating(.open, mechanism) { () throws(SystemError) in
      let segment = try Segment(shmget: SignalEndpoint.segmentBytes, creating: key)
      unsafe SharedCounter(segment.bytes, at: SignalEndpoint.placesOffset).store(UInt64(places))
      return CreatedObjects(["segment": String(segment.id)])
    }
  }

  static func sender(
    _ ids: KernelObjectIDs, _ liveness: LivenessPipe, _ options: ChannelOptions
  ) throws(ChannelError) -> any SenderTransport {
    SignalSender(try SignalEndpoint(ids, liveness), options)
  }

  static func receiver(
    _ ids: KernelObjectIDs, _ liveness: LivenessPipe, _ options: ChannelOptions
  ) throws(ChannelError) -> any ReceiverTransport {
    try SignalReceiver(try SignalEndpoint(ids, liveness), options)
  }

  static func limits() -> [MechanismLimit] { [MechanismLimit("signals on their way", places, "count")] }
}

/// What one endpoint has of a signal channel.
final class SignalEndpoint: Sendable {
  static let segmentBytes = 4096
  static let placesOffset = 128
  private static let targetOffset = 0, roomOffset = 256

  /// The receiver's process, in the high half, and thread; 0 while it doesn't receive yet.
  let target: SharedCounter
  /// How many signals may still be sent.
  let places: SharedCounter
  /// Notified when a place came back, or the receiver began to receive.
  let room: EventCount
  let owner: KernelObjectOwner

  init(_ ids: KernelObjectIDs, _ liveness: LivenessPipe) throws(ChannelError) {
    let attached = try ids.attach("segment", atLeast: Self.segmentBytes)
    let bytes = unsafe attached.segment.bytes
    target = unsafe SharedCounter(bytes, at: Self.targetOffset)
    places = unsafe SharedCounter(bytes, at: Self.placesOffset)
    let room = unsafe EventCount(SharedWord(bytes, at: Self.roomOffset))
    self.room = room
    owner = try KernelObjectOwner(
      ids.mechanism, liveness, ids: [("segment", String(attached.segment.id))] + ids.identity,
      attachments: attached
    ) { room.wake() }
  }

  var peersGone: Bool { owner.peersGone }

  func close() {
    owner.close()
    room.wake()
  }
}
