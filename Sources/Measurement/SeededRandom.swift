/// Random numbers that a seed determines: SplitMix64 (Steele, Lea and Flood 2014). Not for secrets.
package struct SeededRandom: RandomNumberGenerator, Sendable {
  /// What the state grows by with each number: 2^64 divided by the golden ratio.
  @inlinable package static var increment: UInt64 { 0x9E37_79B9_7F4A_7C15 }

  @usableFromInline var state: UInt64

  @inlinable package init(seed: UInt64) { state = seed }

  @inlinable package mutating func next() -> UInt64 {
    state &+= Self.increment
    return Self.mix(state)
  }

  /// Turns any number into one whose bits all depend on all of its bits: SplitMix64's output function.
  @inlinable package static func mix(_ value: UInt64) -> UInt64 {
    var mixed = value
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}
