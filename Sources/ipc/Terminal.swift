import Glibc
import Measurement
import Synchronization
import SystemCalls

/// Writes results to standard output, progress and errors to standard error.
enum Terminal {
  /// Progress is for terminals only.
  static let hasProgress = isatty(2) == 1 && Processes.variable("TERM") != "dumb"
  /// Colour is for terminals only, and can be turned off (https://no-color.org).
  static let hasColor =
    isatty(1) == 1 && (Processes.variable("NO_COLOR") ?? "").isEmpty && Processes.variable("TERM") != "dumb"
  private static let progressShown = Locked(false)
  /// The errno of the first write to standard output that failed; 0: none has.
  private static let outputError = Atomic<Int32>(0)

  /// How text for a person has to look: as wide as COLUMNS says, or the terminal is, and at least 40 columns; in ASCII where
  /// the locale has no UTF-8 (locale(7)).
  static let layout: TextLayout = {
    let locale =
      ["LC_ALL", "LC_CTYPE", "LANG"].lazy.compactMap { Processes.variable($0) }.first { !$0.isEmpty } ?? ""
    let isUTF8 = locale.lowercased().replacing("-", with: "").contains("utf8")
    return TextLayout(width: width, isASCII: !isUTF8)
  }()

  private static var width: Int? {
    if let columns = Processes.variable("COLUMNS").flatMap({ Int($0) }), columns > 0 {
      return max(columns, leastWidth)
    }
    return width(of: 1).map { max($0, leastWidth) }
  }

  /// Nothing is narrower: where a line has room for a word or two, a terminal that breaks the line itself shows more.
  private static let leastWidth = 40

  /// The columns of the terminal that a descriptor is; nil if it is none.
  private static func width(of descriptor: Int32) -> Int? {
    var size = winsize()
    guard isatty(descriptor) == 1, unsafe ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0
    else {
      return nil
    }
    return Int(size.ws_col)
  }

  /// Text for a person.
  static func print(_ text: String) { output(layout.shown(text) + "\n") }

  /// Text for a program, as it is.
  static func printExactly(_ text: String) { output(text + "\n") }

  /// Throws if something that was printed couldn't be written.
  static func checkOutput() throws(Failure) {
    var error = outputError.load(ordering: .relaxed)
    // What was printed through the C library.
    if error == 0 { error = Streams.flushOutput() }
    guard error != 0 else { return }
    // No process reads any more, as with `| head`: the end by SIGPIPE says nothing either.
    if error == EPIPE { throw Failure(kind: .work, message: "") }
    // The C library doesn't keep it.
    let reason = error == EIO ? "" : ": \(SystemError.text(error))"
    throw .work("standard output can't be written\(reason): see where it goes, and that there is room")
  }

  private static func output(_ text: String) {
    let error = write(1, text)
    if error != 0 {
      _ = outputError.compareExchange(expected: 0, desired: error, ordering: .relaxed)
    }
  }

  /// Writes unbuffered, so that what a child process writes to the same terminal keeps its place.
  /// - Returns: the errno; 0: it was written.
  @discardableResult private static func write(_ descriptor: Int32, _ text: String) -> Int32 {
    var bytes = Array(text.utf8)[...]
    while !bytes.isEmpty {
      let count = unsafe bytes.withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress, $0.count) }
      if count <= 0 {
        if errno == EINTR { continue }
        return errno
      }
      bytes = bytes.dropFirst(count)
    }
    return 0
  }

  static func error(_ message: String) {
    endProgress()
    // One line, even if the message quotes several.
    write(2, "ipc: " + message.split(separator: "\n").joined(separator: " ") + "\n")
  }

  static func note(_ message: String) {
    endProgress()
    write(2, message + "\n")
  }

  /// Shows a line that the next one overwrites.
  static func progress(_ line: String) {
    guard hasProgress else { return }
    progressShown.withLock { $0 = true }
    // A longer line would wrap, and the next one would erase its last part only.
    let room = (width(of: 2) ?? .max) - 1
    write(
      2,
      "\r\u{1B}[K" + (line.count <= room ? line : String(line.prefix(max(0, room - 1))) + layout.shown("…")))
  }

  static func endProgress() {
    let wasShown = progressShown.withLock { shown in
      defer { shown = false }
      return shown
    }
    if wasShown { write(2, "\r\u{1B}[K") }
  }
}
