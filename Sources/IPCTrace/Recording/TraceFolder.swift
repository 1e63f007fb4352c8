import Glibc
package import SystemCalls

/// The traces of a folder: a file for each process that records there. Follows processes while they run, and reads what they
/// have left.
package struct TraceFolder {
  package let path: String
  /// What a user must know of files that couldn't be read, and of processes that couldn't record.
  package private(set) var problems: [String] = []
  /// How many processes there have been.
  package var processCount: Int { order.count }

  private struct Source {
    var reader: TraceReader
    var process: TracedProcess
    var isOver = false
    /// When it was seen that the process is gone.
    var goneAt: UInt64?
  }

  private var sources: [String: Source] = [:]
  /// The names of the files, in the order in which they were found.
  private var order: [String] = []
  /// Files that are no trace, or of another version.
  private var refused: Set<String> = []
  private let takes: Bool

  /// - Parameter takes: whether processes get room again for what is read here.
  package init(_ path: String, takes: Bool) {
    self.path = path
    self.takes = takes
  }

  /// All processes that were found, in the order in which they began.
  package var processes: [TracedProcess] { order.map { sources[$0]!.process }.sorted { $0.start < $1.start } }

  /// When processes were seen to be gone.
  package var ends: [Int32: UInt64] {
    sources.values.reduce(into: [:]) { ends, source in ends[source.process.id] = source.goneAt }
  }

  /// Whether every process has ended, or has stopped recording.
  package var isOver: Bool { sources.values.allSatisfy(\.isOver) }

  /// Reads what there is.
  ///
  /// - Parameter looksForEnds: whether processes that recorded nothing new are looked at: they may be gone.
  /// - Returns: how many records were read.
  package mutating func read(looksForEnds: Bool, _ body: (TraceEvent) -> Void) throws(SystemError) -> Int {
    for name in try TraceReader.names(in: path) where sources[name] == nil && !refused.contains(name) {
      find(name)
    }
    var total = 0
    for name in order where !sources[name]!.isOver {
      var source = sources[name]!
      total += read(&source, looksForEnds, body)
      sources[name] = source
    }
    return total
  }

  private mutating func read(_ source: inout Source, _ looksForEnds: Bool, _ body: (TraceEvent) -> Void)
    -> Int
  {
    // Asked before the last reading: what it wrote is there by then.
    let isGone = looksForEnds && source.reader.processIsGone
    if isGone, source.goneAt == nil { source.goneAt = Clock.now() }
    let process = source.process.id
    var saidEnd = false
    do throws(TraceReader.Failure) {
      let count = try source.reader.read(isOver: isGone) { entry in
        if let event = TraceEvent(entry, process: process) {
          if event.content == .ended { saidEnd = true }
          body(event)
        }
      }
      source.process.lost = source.reader.dropped &+ source.reader.unfinished
      if saidEnd { source.process.saidEnd = true }
      if isGone || source.reader.isStopped, count == 0 {
        source.isOver = true
        if source.reader.isCut {
          problems.append("\(source.reader.path) is cut short: what it has is shown, and the rest is missing")
        }
      }
      return count
    } catch {
      problems.append("\(source.reader.path) can't be read any more: \(Self.reason(error))")
      source.isOver = true
      return 0
    }
  }

  private mutating func find(_ name: String) {
    let file = path + "/" + name
    if name.hasSuffix(".failed") {
      refused.insert(name)
      let words = name.dropLast(".failed".count).split(separator: "-")
      let reason = words.last.flatMap { Int32($0) }.map(SystemError.text) ?? "unknown"
      let isFull = [ENOSPC, EDQUOT, EFBIG, ENOMEM].contains(words.last.flatMap { Int32($0) } ?? 0)
      problems.append(
        "process \(words.first ?? "?") couldn't record: \(reason)"
          + (isFull
            ? ": choose another folder (TMPDIR, or IPC_TRACE), or fewer events (IPC_TRACE_EVENTS=1024)" : ""))
      return
    }
    guard name.hasSuffix(".trace") else { return }
    do throws(TraceReader.Failure) {
      let reader = try TraceReader(path: file, takes: takes)
      let header = reader.header
      sources[name] = Source(
        reader: reader,
        process: TracedProcess(
          id: header.process, parent: header.parent, start: header.start, wallStart: header.wallStart,
          command: header.command))
      order.append(name)
    } catch {
      // One that isn't ready is looked at again.
      if case .notReady = error { return }
      refused.insert(name)
      problems.append("\(file): \(Self.reason(error))")
    }
  }

  private static func reason(_ failure: TraceReader.Failure) -> String {
    switch failure {
    case .notReady: "it is empty: its process was killed before it had recorded anything"
    case .notATrace: "not a trace that this user recorded"
    case .version(let version):
      "it is of another version of swift-ipc (format \(version)): read it with the ipc of that version"
    case .system(let number): SystemError.text(number)
    }
  }
}
