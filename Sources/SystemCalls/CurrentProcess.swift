import Glibc

/// The calling process.
package enum CurrentProcess {
  /// Its id: getpid(2).
  package static var process: Int32 { getpid() }

  /// Its real user: getuid(2).
  package static var user: UInt32 { getuid() }
}
