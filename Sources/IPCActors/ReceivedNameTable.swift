import IPC

/// The names that the peer's numbers stand for; the counterpart of ``SentNameTable``.
struct ReceivedNameTable<Value> {
  private var values: [Value] = []

  /// Reads a name. Returns the value that was stored for it, or what `make` returns for a new name.
  /// - Throws: `invalidMessage`, for a number that is neither known nor the next one.
  mutating func read(
    _ reader: inout MessageReader, _ make: (String) -> Value
  ) throws(ChannelError) -> Value {
    let number: UInt16 = try reader.integer()
    if Int(number) < values.count { return values[Int(number)] }
    let name = try reader.string()
    let value = make(name)
    if number == ActorFrame.unnumberedName { return value }
    guard Int(number) == values.count, values.count < ActorFrame.maximumNames,
      name.utf8.count <= ActorFrame.maximumNameBytes
    else { throw .invalid("the name number \(number) where \(values.count) names are known") }
    values.append(value)
    return value
  }
}
