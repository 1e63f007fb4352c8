import IPC

/// What two actor systems say to each other, one message each. `Actors.md` has it to the byte.
enum ActorFrame {
  /// In front of each message.
  enum Kind: UInt8 {
    /// The first: who speaks, and which version of this protocol.
    case hello = 0
    /// Call a function of an actor.
    case call = 1
    /// What came of a call.
    case reply = 2
    /// Say which actors you host; answered by a reply.
    case list = 3
  }

  /// How a call went.
  enum Outcome: UInt8 {
    /// The result follows; of a function without one, nothing.
    case returned = 0
    /// An error that both know: its type's name and its bytes.
    case threwKnown = 1
    /// An error as its type's name and its words.
    case threw = 2
    /// The call wasn't carried out: a code and the words.
    case refused = 3
  }

  static let version: UInt16 = 1
  /// Calls on their way at once, in one direction of one connection. More wait at the caller's.
  static let mostCalls = 1024
  /// Names that an end remembers of the other by number; further ones are written out each time.
  static let mostNames = 4096
  /// A longer one is written out each time as well, in bytes.
  static let longestName = 1024
  /// Stands for a name that isn't remembered.
  static let unnumbered = UInt16.max
  /// A connection whose messages are shorter than this isn't used.
  static let leastLimit = 1024
  /// Calls may be made in calls, as deep as this.
  static let deepest = 64
  /// What a frame has besides the arguments and the two names or the result, at most, and besides eight bytes for each call
  /// that a call is made in.
  static let overhead = 64
}

/// Names that one end has told the other, each known by its number from then on: a call has two, and tens of bytes each.
struct SentNameTable {
  var actors = ToldNumbers()
  var targets = ToldNumbers()
}

struct ToldNumbers {
  private var numbers: [String: UInt16] = [:]

  mutating func write(_ name: String, to writer: inout MessageWriter) {
    if let number = numbers[name] { return writer.write(number) }
    if numbers.count < ActorFrame.mostNames, name.utf8.count <= ActorFrame.longestName {
      let number = UInt16(numbers.count)
      numbers[name] = number
      writer.write(number)
    } else {
      writer.write(ActorFrame.unnumbered)
    }
    writer.write(name)
  }
}

/// The same at the other end.
struct ReceivedNameTable<Value> {
  private var values: [Value] = []

  /// The name's value: what is remembered, or `make` of the name.
  mutating func read(
    _ reader: inout MessageReader, _ bytes: Span<UInt8>, _ make: (String) -> Value
  ) throws(ChannelError) -> Value {
    let number: UInt16 = try reader.integer(bytes)
    if Int(number) < values.count { return values[Int(number)] }
    let name = try reader.string(bytes)
    let value = make(name)
    if number == ActorFrame.unnumbered { return value }
    guard Int(number) == values.count, values.count < ActorFrame.mostNames,
      name.utf8.count <= ActorFrame.longestName
    else { throw .invalid("the name number \(number) where \(values.count) are known") }
    values.append(value)
    return value
  }
}
