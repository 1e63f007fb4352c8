/// What a channel's messages are, as the two ends compare it.
package struct MessageType: Hashable, Sendable {
  package let fingerprint: UInt64
  package let name: String
}
