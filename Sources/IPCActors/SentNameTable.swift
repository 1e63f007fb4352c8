import IPC

/// The names that this process has sent over a connection: those of actors, and those of functions.
struct SentNames {
  var actors = SentNameTable()
  var targets = SentNameTable()
}

/// Numbers for the names that were sent before: a call contains two names of tens of bytes each, a number takes two.
struct SentNameTable {
  private var numbers: [String: UInt16] = [:]

  /// Writes the name's number, followed by the name itself if the peer doesn't know the number.
  mutating func write(_ name: String, to writer: inout MessageWriter) {
    if let number = numbers[name] { return writer.write(number) }
    if numbers.count < ActorFrame.maximumNames, name.utf8.count <= ActorFrame.maximumNameBytes {
      let number = UInt16(numbers.count)
      numbers[name] = number
      writer.write(number)
    } else {
      writer.write(ActorFrame.unnumberedName)
    }
    writer.write(name)
  }
}
