import Glibc
package import IPC

/// Sends and verifies patterned messages, in the test and in the other process.
package enum Sending {
  /// The ways in which a message can be sent.
  package static let modes = ["plain", "place", "coalesce", "contents"]

  /// Sends messages `first`, `first` + 1 and so on, of these sizes.
  package static func send(
    _ sender: inout ByteSender, _ mode: String, _ first: Int, _ sizes: [Int]
  ) throws(ChannelError) {
    switch mode {
    case "place":
      for (index, size) in sizes.enumerated() { try place(&sender, Pattern.bytes(first + index, size)) }
    case "coalesce":
      sender.coalesces = true
      for (index, size) in sizes.enumerated() { try sender.send(Pattern.bytes(first + index, size)) }
      try sender.flush()
      sender.coalesces = false
    case "contents":
      try sender.send(contentsOf: sizes.indices.lazy.map { Pattern.bytes(first + $0, sizes[$0]) })
    default:
      for (index, size) in sizes.enumerated() { try sender.send(Pattern.bytes(first + index, size).span) }
    }
  }

  /// Sends in place, with more room than is used.
  private static func place(_ sender: inout ByteSender, _ bytes: [UInt8]) throws(ChannelError) {
    try sender.send(capacity: bytes.count + 100) { output in
      unsafe output.withUnsafeMutableBufferPointer { room, count in
        unsafe bytes.withUnsafeBytes { bytes in
          if bytes.count > 0 { unsafe memcpy(room.baseAddress!, bytes.baseAddress!, bytes.count) }
        }
        count = bytes.count
      }
    }
  }

  /// Receives these messages and verifies every byte. Returns nil, or what was wrong.
  package static func take(
    _ receiver: inout ByteReceiver, _ mode: String, _ first: Int, _ sizes: [Int]
  ) throws(ChannelError) -> String? {
    for (index, size) in sizes.enumerated() {
      let found: (count: Int, matches: Bool)
      switch mode {
      case "value":
        let bytes = try receiver.receive([UInt8].self)
        found = (bytes.count, Pattern.matches(bytes.span, first + index))
      case "within":
        found = try receiver.receive(within: .seconds(30)) { ($0.count, Pattern.matches($0, first + index)) }
      default:
        found = try receiver.receive { ($0.count, Pattern.matches($0, first + index)) }
      }
      if found.count != size || !found.matches {
        return
          "message \(first + index): \(found.count) bytes for \(size), content right: \(found.matches)"
      }
    }
    return nil
  }

  package static func exitAtOnce() -> Never { _exit(0) }

  package static func exit() -> Never { Glibc.exit(0) }
}
