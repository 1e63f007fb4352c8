import Glibc
import SystemCalls
package import Testing

/// The sanitizer with which the tests are built: `make sanitize-address`, `make sanitize-thread`.
package enum Sanitizer {
  private static let name = Processes.variable("IPC_SANITIZE")
  /// Whether there is one. It makes a program several times slower, needs /proc, and can't be traced with ptrace(2).
  package static let isOn = name != nil
  /// For a suite that measures times: those of a sanitizer say nothing.
  package static let isOff = ConditionTrait.enabled(if: !isOn, "a sanitizer has times of its own")

  /// Starts the process that finds the names of functions for ThreadSanitizer: at the first report, also one that is
  /// suppressed, a test would be said to have left it behind.
  static func startSymbolizer() {
    let function = "__sanitizer_symbolize_pc"
    guard name == "thread", let found = unsafe dlsym(nil, function) else { return }
    typealias Symbolize =
      @convention(c) (UnsafeRawPointer, UnsafePointer<CChar>, UnsafeMutablePointer<CChar>, Int) -> Void
    var text = [CChar](repeating: 0, count: 256)
    unsafe unsafeBitCast(found, to: Symbolize.self)(found, "%f", &text, text.count)
  }
}
