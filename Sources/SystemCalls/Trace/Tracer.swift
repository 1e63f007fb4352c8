import CSystem
import Glibc
import Synchronization

/// What a process records of itself: see `Tracing.md`. Off until `IPC_TRACE` or ``start(folder:capacity:payloadBytes:)`` asks
/// for it; then each event costs a reading of the clock and 64 bytes of memory.
package enum Tracer {
  /// Whether this process records: one load and one branch.
  @inline(__always) package static var isOn: Bool { csystem_hooks() & CSYSTEM_HOOK_TRACE != 0 }

  /// The word behind ``isOn``: it isn't 0 while anything looks on. For what is so frequent that a call of this module would be
  /// noticed: an object keeps the pointer, and looks by itself.
  @unsafe package static var hookWord: UnsafePointer<UInt32> { unsafe csystem_hook_word() }

  // The ring that is written now. One that was written stays mapped: a thread may be in the middle of an event.
  private static let current = Atomic<UInt>(0)
  private static let state = Locked(State())
  /// How many bytes of each message are recorded.
  private static let payload = Atomic<Int>(0)
  private static let endpoints = Atomic<Int32>(0)

  private struct State {
    var recordings: UInt32 = 0
  }

  /// Why this process doesn't record.
  package struct Failure: Error {
    package let folder: String
    package let error: SystemError
  }

  // MARK: Beginning and ending

  /// Records from now on, into a new file in a folder.
  ///
  /// - Parameters:
  ///   - capacity: for how many events that no reader has taken there is room.
  ///   - payloadBytes: how many bytes of each message are recorded, beside its size.
  package static func start(
    folder: String, capacity: Int = TraceRing.defaultCapacity, payloadBytes: Int = 0
  ) throws(SystemError) {
    try state.withLock { (state) throws(SystemError) in try open(&state, folder, capacity, payloadBytes) }
    csystem_hooks_set(CSYSTEM_HOOK_TRACE, true)
  }

  /// Stops recording.
  package static func stop() {
    csystem_hooks_set(CSYSTEM_HOOK_TRACE, false)
    state.withLock { _ in
      guard let ring = ring(current.exchange(0, ordering: .acquiringAndReleasing)) else { return }
      ring.write(event(.ended))
      ring.stop()
    }
  }

  private static func open(
    _ state: inout State, _ folder: String, _ capacity: Int, _ payloadBytes: Int
  ) throws(SystemError) {
    state.recordings &+= 1
    let ring = try TraceRing(
      folder: folder, capacity: capacity, payloadBytes: payloadBytes, generation: state.recordings)
    payload.store(payloadBytes, ordering: .relaxed)
    let pointer = unsafe UInt(bitPattern: Unmanaged.passRetained(ring).toOpaque())
    let before = current.exchange(pointer, ordering: .acquiringAndReleasing)
    Tracer.ring(before)?.stop()
    if state.recordings == 1 { atexit { Tracer.processEnds() } }
  }

  private static func processEnds() {
    guard isOn, let ring = ring(current.load(ordering: .acquiring)) else { return }
    ring.write(event(.ended))
  }

  /// The environment's wish, at the first event.
  /// - Returns: ``current``.
  @inline(never) private static func openAsTheEnvironmentSays() -> UInt {
    let number = errno
    defer { errno = number }
    return state.withLock { state in
      let pointer = current.load(ordering: .acquiring)
      if pointer != 0 { return pointer }
      guard let name = unsafe csystem_trace_folder() else { return 0 }
      let folder = unsafe String(cString: name)
      let capacity = Processes.variable("IPC_TRACE_EVENTS").flatMap { Int($0) } ?? TraceRing.defaultCapacity
      let payload = Processes.variable("IPC_TRACE_PAYLOAD").flatMap { Int($0) } ?? 0
      do throws(SystemError) {
        try open(
          &state, folder,
          min(max(capacity, TraceRing.capacities.lowerBound), TraceRing.capacities.upperBound),
          min(max(payload, 0), maximumPayload))
        return current.load(ordering: .acquiring)
      } catch {
        // This process isn't recorded: the tool says so, if the name can be left.
        csystem_hooks_set(CSYSTEM_HOOK_TRACE, false)
        let mark = "\(folder)/\(getpid())-\(error.number).failed"
        close(unsafe Glibc.open(mark, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600))
        return 0
      }
    }
  }

  /// The most bytes of text that an event has.
  static let longestText = 4096
  /// The most bytes of a message that are recorded.
  package static let maximumPayload = 4096

  /// Calls `body` with the ring that is written now, if there is one. This library never releases a ring that it made: nothing
  /// counts references to it.
  @inline(__always) private static func withRing(_ body: (TraceRing) -> Void) {
    var pointer = current.load(ordering: .acquiring)
    if pointer == 0 { pointer = openAsTheEnvironmentSays() }
    guard let address = unsafe UnsafeRawPointer(bitPattern: pointer) else { return }
    unsafe Unmanaged<TraceRing>.fromOpaque(address)._withUnsafeGuaranteedRef { body($0) }
  }

  /// The ring behind a pointer of ``current``.
  private static func ring(_ pointer: UInt) -> TraceRing? {
    unsafe UnsafeRawPointer(bitPattern: pointer).map {
      unsafe Unmanaged<TraceRing>.fromOpaque($0).takeUnretainedValue()
    }
  }

  // MARK: Events

  /// A record of the calling thread, now.
  @inline(__always) private static func event(_ kind: TraceKind) -> TraceRecord {
    var record = TraceRecord()
    record.kind = kind.rawValue
    record.time = Clock.now()
    record.thread = UInt32(bitPattern: unsafe csystem_trace_thread()!.pointee.id)
    return record
  }

  /// Once in each recording: how the thread is called. Before its first event.
  @inline(__always) private static func introduceThread(_ ring: TraceRing) {
    if unsafe csystem_trace_thread()!.pointee.named_in != ring.generation { nameThread(ring) }
  }

  @inline(never) private static func nameThread(_ ring: TraceRing) {
    let thread = unsafe csystem_trace_thread()!
    unsafe thread.pointee.id = csystem_gettid()
    unsafe thread.pointee.named_in = ring.generation
    var name: InlineArray<16, CChar> = .init(repeating: 0)
    var bytes = name.mutableSpan
    let text = unsafe bytes.withUnsafeMutableBufferPointer { buffer in
      unsafe csystem_thread_name(buffer.baseAddress!) == 0 ? String(cString: buffer.baseAddress!) : ""
    }
    write(ring, event(.thread), text)
  }

  private static func write(_ ring: TraceRing, _ record: TraceRecord, _ text: String) {
    if text.isEmpty { return ring.write(record) }
    let bytes = text.utf8Span.span
    ring.write(record, bytes.extracting(..<min(bytes.count, longestText)))
  }

  /// Records an event, if this process records.
  package static func record(
    _ kind: TraceKind, object: Int32 = 0, other: Int32 = 0, size: Int = 0, value: Int64 = 0,
    detail: UInt64 = 0
  ) {
    guard isOn else { return }
    withRing { ring in
      introduceThread(ring)
      var record = event(kind)
      record.object = object
      record.other = other
      record.size = Int64(size)
      record.value = value
      record.detail = detail
      ring.write(record)
    }
  }

  /// Records an event with a text.
  package static func record(
    _ kind: TraceKind, object: Int32 = 0, other: Int32 = 0, value: Int64 = 0, detail: UInt64 = 0,
    text: String
  ) {
    guard isOn else { return }
    withRing { ring in
      introduceThread(ring)
      var record = event(kind)
      record.object = object
      record.other = other
      record.value = value
      record.detail = detail
      write(ring, record, text)
    }
  }

  /// A message was sent or received, with its first bytes where that was asked for.
  package static func message(
    _ kind: TraceKind, endpoint: Int32, number: Int64, sender: UInt32, _ bytes: UnsafeRawBufferPointer
  ) {
    guard isOn else { return }
    withRing { ring in
      introduceThread(ring)
      var record = event(kind)
      record.object = endpoint
      record.size = Int64(bytes.count)
      record.value = number
      record.detail = UInt64(sender)
      let shown = min(payload.load(ordering: .relaxed), bytes.count)
      if shown == 0 { return ring.write(record) }
      ring.write(record, unsafe Span(_unsafeBytes: UnsafeRawBufferPointer(rebasing: bytes[..<shown])))
    }
  }

  /// A number for an endpoint, which no other of this process has.
  package static func newEndpoint() -> Int32 { endpoints.add(1, ordering: .relaxed).newValue }

  // MARK: Calls

  static func callBegins(_ call: SystemCall, _ subject: CallSubject) {
    withRing { ring in
      introduceThread(ring)
      if subject.kind == .descriptor, call != .close, !ring.knows(subject.number),
        call.carriesData || !DescriptorIdentity.isSocket(subject.number)
      {
        identify(subject.number, ring)
      }
      var record = event(.callBegins)
      record.call = call.number
      record.object = subject.number
      record.size = Int64(subject.bytes)
      record.detail = subject.detail
      record.flags =
        (UInt16(subject.kind.rawValue) << TraceRecord.Flags.subjectShift)
        | (subject.waits ? TraceRecord.Flags.waits.rawValue : 0)
      ring.write(record)
      if call == .close { ring.forget(subject.number) }
    }
  }

  static func callEnds(
    _ call: SystemCall, _ subject: CallSubject, _ result: Int64, _ number: Int32, slept: Bool
  ) {
    withRing { ring in
      introduceThread(ring)
      var record = event(.callEnds)
      record.call = call.number
      record.object = subject.number
      record.other = number
      record.value = result
      record.flags =
        (UInt16(subject.kind.rawValue) << TraceRecord.Flags.subjectShift)
        | (slept ? TraceRecord.Flags.slept.rawValue : 0)
      ring.write(record)
    }
  }

  /// Says what a descriptor is, unless the trace has it.
  package static func identify(_ descriptor: Int32) {
    guard isOn else { return }
    withRing { ring in
      introduceThread(ring)
      if !ring.knows(descriptor) { identify(descriptor, ring) }
    }
  }

  @inline(never) private static func identify(_ descriptor: Int32, _ ring: TraceRing) {
    guard ring.learn(descriptor) else { return }
    var record = event(.descriptor)
    record.object = descriptor
    write(ring, record, DescriptorIdentity.text(descriptor))
  }
}

extension SystemCall {
  /// Its place among all cases, which is how Swift stores it.
  @inline(__always) var number: UInt8 { unsafe unsafeBitCast(self, to: UInt8.self) }

  /// Whether it moves a channel's bytes: by then a socket has its peer.
  fileprivate var carriesData: Bool {
    switch self {
    case .read, .write, .writev, .preadv2, .pwritev2, .sendmsg, .recvmsg, .shutdown: true
    default: false
    }
  }
}
