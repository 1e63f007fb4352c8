/// What all processes of an exchange used for a number of messages.
package struct Cost: Sendable {
  package var messages: UInt64 = 0
  package var userNanoseconds: UInt64 = 0
  package var systemNanoseconds: UInt64 = 0
  package var voluntarySwitches = 0
  package var involuntarySwitches = 0

  package init() {}

  mutating func add(_ reply: ExchangeReply) {
    userNanoseconds += reply.user
    systemNanoseconds += reply.system
    voluntarySwitches += reply.voluntary
    involuntarySwitches += reply.involuntary
  }

  mutating func add(_ other: Cost) {
    messages += other.messages
    userNanoseconds += other.userNanoseconds
    systemNanoseconds += other.systemNanoseconds
    voluntarySwitches += other.voluntarySwitches
    involuntarySwitches += other.involuntarySwitches
  }
}
