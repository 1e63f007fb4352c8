import CSystem

/// Instructions that Swift has no function for.
package enum CPU {
  /// Tells the core that this is a spin: `pause` on x86-64, `yield` on arm64.
  @inline(__always) package static func pause() { csystem_pause() }
}
