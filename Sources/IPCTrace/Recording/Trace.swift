package import SystemCalls

/// Records what this process does on its channels, and reads what processes have recorded.
///
/// A process that uses this package records from its begin if the environment variable `IPC_TRACE` names a folder, and so do the
/// processes that it starts, which inherit the variable. ``start(in:events:payloadBytes:)`` does the same at run time, for this
/// process alone.
///
/// ```swift
/// try Trace.start(in: "/tmp/my-trace")
/// Trace.note("sending the first job")
/// …
/// Trace.stop()
/// for try await event in Trace.events(in: "/tmp/my-trace") { print(event) }
/// ```
///
/// `ipc trace -- COMMAND` shows what a program records, and `ipc trace FOLDER` what a folder has.
///
/// Source: `Sources/IPCTrace`, and the hooks in `Sources/SystemCalls/Trace`.
public enum Trace {
  /// For how many events there is room that no reader has taken, where nothing else is asked for.
  public static let defaultEvents = 1 << 15

  /// Whether this process records.
  public static var isOn: Bool { Tracer.isOn }

  /// Records from now on, into a new file in a folder, which is made if it is missing. If this process records already, it
  /// continues in the new file.
  ///
  /// Of an endpoint, or a channel between tasks, that was made before, the messages aren't recorded; its system calls are.
  ///
  /// - Parameters:
  ///   - folder: has a file for each process and recording, of mode 0600.
  ///   - events: for how many events there is room that no reader has taken; of 64 bytes each, on the disk or in memory,
  ///     depending on where the folder is. Rounded up to a power of two. Those that find no room are counted.
  ///   - payloadBytes: how many bytes of each message are recorded beside its size; at most 4096.
  /// - Throws: ``TraceError`` if the folder or the file can't be made.
  ///
  /// System calls: mkdir(2), open(2), fallocate(2), mmap(2); for an event, none.
  public static func start(
    in folder: String, events: Int = defaultEvents, payloadBytes: Int = 0
  ) throws(TraceError) {
    do throws(SystemError) {
      try Tracer.start(
        folder: folder, capacity: min(max(events, 64), 1 << 24),
        payloadBytes: min(max(payloadBytes, 0), Tracer.maximumPayload))
    } catch {
      throw TraceError(path: folder, error)
    }
  }

  /// Stops recording. What was recorded stays in the folder.
  public static func stop() { Tracer.stop() }

  /// Notes something in the trace, beside what the library records: what the program is about to do, say. At most 4096 bytes.
  /// While this process doesn't record, it does nothing, and doesn't make the text.
  public static func note(_ text: @autoclosure () -> String) {
    if Tracer.isOn { Tracer.record(.note, text: text()) }
  }

  /// The events of all processes that record into a folder, while they run, in the order of their times. They are taken: the
  /// processes have room again. It ends when every process has ended or stopped recording, or the task is cancelled.
  public static func events(in folder: String) -> TraceEvents { TraceEvents(folder: folder) }
}

/// Why a trace can't be recorded or read: a sentence.
public struct TraceError: Error, Sendable, Hashable, CustomStringConvertible {
  /// The folder or the file.
  public let path: String
  /// The errno.
  public let errno: Int32
  /// What failed, and why.
  public let description: String

  package init(path: String, _ error: SystemError) {
    self.path = path
    errno = error.number
    description =
      "\(path): \(error.description) (\(error.call.rawValue)): a trace needs a folder of this user's with room for 64 bytes an event"
  }
}

/// The events of the processes that record into a folder: see ``Trace/events(in:)``.
public struct TraceEvents: AsyncSequence, Sendable {
  /// An event.
  public typealias Element = TraceEvent

  let folder: String

  /// Reads the folder every few milliseconds.
  public struct Iterator: AsyncIteratorProtocol {
    private var folder: TraceFolder
    private var order = EventOrder()
    private var ready: ArraySlice<TraceEvent> = []
    private var isOver = false

    private static let pause = Duration.milliseconds(10)

    init(_ folder: String) { self.folder = TraceFolder(folder, takes: true) }

    /// The next event; nil: there are no more.
    public mutating func next() async throws(TraceError) -> TraceEvent? {
      while true {
        if let event = ready.popFirst() { return event }
        if isOver || Task.isCancelled { return nil }
        let now = Clock.now()
        let count: Int
        do throws(SystemError) {
          count = try read()
        } catch {
          throw TraceError(path: folder.path, error)
        }
        isOver = count == 0 && folder.isOver
        ready = order.take(now: isOver ? nil : now)[...]
        if ready.isEmpty, !isOver { try? await Task.sleep(for: Self.pause) }
      }
    }

    private mutating func read() throws(SystemError) -> Int {
      var found: [TraceEvent] = []
      let count = try folder.read(looksForEnds: true) { found.append($0) }
      for event in found { order.add(event) }
      return count
    }
  }

  /// Begins to read.
  public func makeAsyncIterator() -> Iterator { Iterator(folder) }
}
