import SystemCalls
package import Testing

/// The sanitizer with which the tests are built: `make sanitize-address`, `make sanitize-thread`.
package enum Sanitizer {
  /// Whether there is one. It makes a program several times slower, needs /proc, and can't be traced with ptrace(2).
  package static let isOn = Processes.variable("IPC_SANITIZE") != nil
  /// For a suite that measures times: those of a sanitizer say nothing.
  package static let isOff = ConditionTrait.enabled(if: !isOn, "a sanitizer has times of its own")
}
