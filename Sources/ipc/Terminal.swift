import Glibc
import Synchronization
import SystemCalls

/// Writes results to standard output, progress and errors to standard error.
enum Terminal {
  /// Progress is for terminals only.
  static let hasProgress = isatty(2) == 1
  /// Colour is for terminals only, and can be turned off (https://no-color.org).
  static let hasColor =
    isatty(1) == 1 && (Processes.variable("NO_COLOR") ?? "").isEmpty && Processes.variable("TERM") != "dumb"
  private static let progressShown = Mutex(false)

  static func print(_ text: String) { write(1, text + "\n") }

  /// Writes unbuffered, so that what a child process writes to the same terminal keeps its place.
  private static func write(_ descriptor: Int32, _ text: String) {
    var bytes = Array(text.utf8)[...]
    while !bytes.isEmpty {
      let count = unsafe bytes.withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress, $0.count) }
      if count <= 0 {
        if errno == EINTR { continue }
        return
      }
      bytes = bytes.dropFirst(count)
    }
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
    write(2, "\r\u{1B}[K" + line)
  }

  static func endProgress() {
    let wasShown = progressShown.withLock { shown in
      defer { shown = false }
      return shown
    }
    if wasShown { write(2, "\r\u{1B}[K") }
  }
}
