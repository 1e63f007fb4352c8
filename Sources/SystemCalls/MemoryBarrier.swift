import CSystem

/// A barrier that the rare side pays for, so that the frequent side needn't: membarrier(2), Linux 4.16.
///
/// Where two sides each store and then load, each normally needs a full barrier between the two, or both can miss what the
/// other stored. The frequent side registers its process and leaves its barrier out; the rare side, before its load, makes
/// every CPU that runs a registered process pass one.
package enum MemoryBarrier {
  /// Whether this process is registered, and so may leave its barriers out towards peers that call ``everywhere()``.
  package static let isRegistered: Bool = csystem_membarrier_register_global() == 0

  /// Whether this kernel lets this process call ``everywhere()``: some sandboxes don't.
  package static let isAvailable: Bool = csystem_membarrier_global() == 0

  /// Passes a full barrier on every CPU that runs a registered process. About a microsecond.
  ///
  /// - Returns: False when the kernel no longer lets this process do that.
  package static func everywhere() -> Bool { csystem_membarrier_global() == 0 }

  /// What remains of the barrier on the frequent side: the compiler keeps the order.
  @inline(__always) package static func compilerOnly() { csystem_compiler_fence() }

  /// Whether ``amongThreads()`` works in this process.
  package static let worksAmongThreads: Bool = csystem_membarrier_register_private() == 0

  /// Passes a full barrier on every CPU that runs a thread of this process. Costs next to nothing in a process of one
  /// thread.
  ///
  /// - Returns: False when the kernel no longer lets this process do that, as after a filter of system calls was installed.
  package static func amongThreads() -> Bool { csystem_membarrier_private() == 0 }
}
