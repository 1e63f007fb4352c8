import IPCTrace
import Measurement
import SystemCalls

/// `ipc trace -- COMMAND…`: what a program does on its channels, as lanes over time.
enum TraceCommand: Command {
  static let name = "trace"
  static let summary =
    "what a program does on its channels: every message, every call, each wait and what ended it"
  static let example = """
    ipc trace -- ipc demo pipe
    ipc trace --html trace.html --perfetto trace.json -- ipc crawl --mechanism memory
    IPC_TRACE=/tmp/traces ./my-program; ipc trace /tmp/traces
    """
  static let usage = """
    ipc trace [options] -- COMMAND…
    ipc trace [options] FOLDER
    """
  static let details = """
    Runs a program and follows it and the processes that it starts, as far as they use this library: a column for each
    process, time downward, an arrow where a message or a wake-up went, and at the end what each process did on each
    channel. The program's own output comes first. The exit code is the program's.

      --html FILE      a timeline to zoom and search, in one file that a browser opens
      --perfetto FILE  the same as Chrome's trace events, which https://ui.perfetto.dev opens
      --json           one JSON document, on standard output; the program's output goes to standard error
      --limit N        draws the first N events (1000 as lanes, 100000 in files); the sums count all. 0: all
      --payload N      records the first N bytes of each message too, at most 4096 (0)

    Without --json, --html and --perfetto the lanes are printed; with a file, only the sums.

    A process records into a file in the folder that the variable IPC_TRACE names; ipc trace FOLDER shows what is in it.
    There is room for 32768 events that no reader has taken yet, or for IPC_TRACE_EVENTS; what doesn't fit is
    counted. IPC_TRACE_PAYLOAD is --payload.
    """

  private static let lanesLimit = 1000
  private static let filesLimit = 100_000

  /// What is shown, and how.
  struct Options {
    let html: ReportFile?
    let perfetto: ReportFile?
    let json: Bool
    /// How many spans and marks are kept.
    let most: Int
    /// How many rows the lanes have.
    let mostRows: Int
    let payload: Int

    init(_ arguments: inout Arguments) throws {
      let htmlPath = try arguments.value("--html")
      let perfettoPath = try arguments.value("--perfetto")
      json = arguments.flag("--json")
      let limit = try arguments.number("--limit", 0...Int.max).map { $0 == 0 ? Int.max : $0 }
      payload = try arguments.number("--payload", 0...Tracer.maximumPayload) ?? 0
      most = limit ?? TraceCommand.filesLimit
      mostRows = limit ?? TraceCommand.lanesLimit
      html = try htmlPath.map { try ReportFile($0, option: "--html") }
      perfetto = try perfettoPath.map { try ReportFile($0, option: "--perfetto") }
      if let html, let perfetto, html.isSame(as: perfetto) {
        throw arguments.wrong("--html and --perfetto name the same file")
      }
    }
  }

  static func run(_ arguments: inout Arguments) throws {
    let program = arguments.programAndArguments()
    let options = try Options(&arguments)
    let words = try arguments.rest()
    switch (program, words.count) {
    case (let program?, 0):
      guard !program.isEmpty else { throw arguments.wrong("a command is missing behind --") }
      try show(
        TraceSession.run(
          program, limit: options.most, payload: options.payload, output: options.json ? .error : .inherited),
        options)
    case (nil, 1): try show(TraceSession.read(folder: words[0], limit: options.most), options)
    default: throw arguments.wrong("write ipc trace -- COMMAND…, or ipc trace FOLDER")
    }
  }

  /// Writes and prints a trace as the options say. Throws as the program ended.
  static func show(_ trace: TraceSession.Result, _ options: Options) throws {
    try options.html?.write(
      HTMLTimeline.pieces(trace.timeline, title: trace.title, machine: TraceSession.machine))
    try options.perfetto?.write(PerfettoTrace.pieces(trace.timeline))
    if options.json {
      try JSONOutput.print(TraceDocument(trace))
    } else {
      let files = [options.html?.path, options.perfetto?.path].compactMap { $0 }
      if files.isEmpty {
        Terminal.print(LanesView.text(trace.timeline, Terminal.layout, mostRows: options.mostRows))
      }
      Terminal.print(SummaryView.text(trace.timeline, Terminal.layout))
      for path in files { Terminal.note("wrote \(path)") }
    }
    try trace.checkEnd()
  }
}
