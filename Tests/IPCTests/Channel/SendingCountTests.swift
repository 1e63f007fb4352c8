import IPC
import SystemCalls
import TestSupport
import Testing

@testable import ipc_peer

extension AllTests {
  /// `send(count:)` gives its body room for exactly that many bytes. Bytes that the body doesn't write are sent as well:
  /// zeros, except in shared memory, where they are those of earlier messages.
  @Suite(.guarded) struct SendingCountTests {
    // No more than a queue holds: no thread receives during a send.
    private static let sizes = [0, 1, 7, 8, 100, 4096, 5000]

    /// Fills every buffer that is reused with bytes of earlier messages.
    private func fillBuffers(_ channel: inout ByteChannel) throws {
      for size in Self.sizes {
        try channel.sender.send([UInt8](repeating: 0xFF, count: size))
        #expect(try channel.receiver.receive([UInt8].self).count == size)
      }
    }

    /// Writes the pattern of message `sequence` into all of it, or its first bytes.
    private func fill(_ room: inout MutableSpan<UInt8>, _ sequence: Int, upTo count: Int) {
      let bytes = Pattern.bytes(sequence, count)
      for index in 0..<count { room[index] = bytes[index] }
    }

    @Test("a message that is filled completely arrives", arguments: Mechanism.all)
    func whole(_ mechanism: Mechanism) throws {
      var channel = try ByteChannel(over: mechanism)
      try fillBuffers(&channel)
      for (sequence, size) in Self.sizes.enumerated() {
        try channel.sender.send(count: size) { room in
          #expect(room.count == size)
          fill(&room, sequence, upTo: size)
        }
        #expect(try channel.receiver.receive([UInt8].self) == Pattern.bytes(sequence, size))
      }
    }

    @Test("bytes that aren't written are zero", arguments: Mechanism.all.filter { $0 != .memory })
    func zeros(_ mechanism: Mechanism) throws {
      var channel = try ByteChannel(over: mechanism)
      for coalesces in [false, true] {
        channel.sender.coalesces = coalesces
        for (sequence, size) in Self.sizes.enumerated() {
          // Nothing is written, or only a third at the beginning.
          for written in Set([0, size / 3]).sorted() {
            channel.sender.coalesces = false
            try fillBuffers(&channel)
            channel.sender.coalesces = coalesces
            try channel.sender.send(count: size) { fill(&$0, sequence, upTo: written) }
            try channel.sender.flush()
            let expected =
              Pattern.bytes(sequence, written) + [UInt8](repeating: 0, count: size - written)
            #expect(try channel.receiver.receive([UInt8].self) == expected, "\(size) \(written)")
          }
        }
      }
    }

    @Test("in shared memory the written bytes arrive, and the count is exact")
    func memory() throws {
      var channel = try ByteChannel(over: .memory)
      try fillBuffers(&channel)
      for (sequence, size) in Self.sizes.enumerated() {
        try channel.sender.send(count: size) { fill(&$0, sequence, upTo: size / 3) }
        let found = try channel.receiver.receive([UInt8].self)
        #expect(found.count == size)
        #expect(Array(found.prefix(size / 3)) == Pattern.bytes(sequence, size / 3))
      }
    }

    @Test("a message larger than half the ring is sent in fragments, with zeros")
    func largeInMemory() throws {
      var options = ChannelOptions()
      options.capacityBytes = 1 << 16
      var channel = try ByteChannel(over: .memory, options: options)
      for round in 0..<20 {
        try channel.sender.send([UInt8](repeating: 0xFF, count: 30_000))
        #expect(try channel.receiver.receive([UInt8].self).count == 30_000)
        try channel.sender.send(count: 40_000) { fill(&$0, round, upTo: 1000) }
        let expected = Pattern.bytes(round, 1000) + [UInt8](repeating: 0, count: 39_000)
        #expect(try channel.receiver.receive([UInt8].self) == expected)
      }
    }

    @Test(
      "a message over the limit is refused before the body runs", arguments: [Mechanism.pipe, .memory, .unix])
    func tooLong(_ mechanism: Mechanism) throws {
      var options = ChannelOptions()
      options.maximumMessageBytes = 1000
      var channel = try ByteChannel(over: mechanism, options: options)
      var hasRun = false
      let refused = code { () throws(ChannelError) in
        try channel.sender.send(count: 1001) { _ in hasRun = true }
      }
      #expect(refused == .messageTooLong)
      #expect(!hasRun)
      try channel.sender.send(count: 1000) { fill(&$0, 3, upTo: 1000) }
      #expect(try channel.receiver.receive([UInt8].self) == Pattern.bytes(3, 1000))
    }

    @Test(
      "messages sent in different ways arrive in order", arguments: [Mechanism.pipe, .memory, .unix])
    func order(_ mechanism: Mechanism) throws {
      var channel = try ByteChannel(over: mechanism)
      for round in 0..<50 {
        channel.sender.coalesces = round % 3 == 0
        try channel.sender.send(Pattern.bytes(1, 50))
        try channel.sender.send(count: 60) { fill(&$0, 2, upTo: 60) }
        try channel.sender.send(capacity: 100) { output in
          for byte in Pattern.bytes(3, 70) { output.append(byte) }
        }
        try channel.sender.send(count: 0) { #expect($0.count == 0) }
        try channel.sender.flush()
        let expected = [(1, 50), (2, 60), (3, 70), (4, 0)]
        for (sequence, size) in expected {
          #expect(try channel.receiver.receive([UInt8].self) == Pattern.bytes(sequence, size))
        }
      }
    }

    @Test("another process receives every byte", arguments: [Mechanism.pipe, .memory, .unix])
    func betweenProcesses(_ mechanism: Mechanism) throws {
      for wait in WaitStrategy.allCases {
        var options = ChannelOptions()
        options.wait = wait
        let channel = try ByteChannel(over: mechanism, options: options)
        var sender = channel.sender
        var receiver: ByteReceiver? = channel.receiver
        let peer = try PeerProcess { (spawn) throws(ChannelError) in
          try spawn.pass(&receiver!, as: "end")
        }
        try peer.must("inherit receiver end")
        // More than the channel holds: a send has to wait for the receiver.
        let sizes = (0..<60).map { $0 % 7 * 9000 + $0 }
        try peer.order("take plain 0 \(sizes.map(String.init).joined(separator: ","))")
        for (sequence, size) in sizes.enumerated() {
          try sender.send(count: size) { fill(&$0, sequence, upTo: size) }
        }
        try peer.mustSucceed()
        try sender.close()
        try peer.must("close")
        try peer.finish()
      }
    }
  }
}
