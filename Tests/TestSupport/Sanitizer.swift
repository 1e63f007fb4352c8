import SystemCalls

/// The sanitizer with which the tests are built: `make sanitize-address`, `make sanitize-thread`.
package enum Sanitizer {
  /// Whether there is one. It makes a program several times slower, needs /proc, and can't be traced with ptrace(2).
  package static let isOn = Processes.variable("IPC_SANITIZE") != nil
}
