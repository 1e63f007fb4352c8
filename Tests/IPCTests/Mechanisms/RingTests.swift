import Measurement
import Synchronization
import SystemCalls
import TestSupport
import Testing

@testable import IPC

extension AllTests {
  @Suite struct RingTests {
    @Test("random sends and receives behave as a queue does", arguments: WaitStrategy.allCases)
    func againstAQueue(wait: WaitStrategy) throws {
      var random = SeededRandom.printed()
      for capacity in [4096, 8192] {
        let ring = try TestRing(capacity: capacity, wait: wait)
        let (sender, receiver) = try (ring.sender(), ring.receiver())
        var model: [[UInt8]] = []
        var refused = 0
        for step in 0..<6000 {
          if random.chance(2) {
            // Some are larger than half the ring, or larger than the ring: these are sent in fragments, or refused.
            let most = random.chance(20) ? 3 * capacity : random.chance(4) ? capacity / 2 : 100
            let message = random.bytes(0...most)
            if try sender.send(message, until: .now) { model.append(message) } else { refused += 1 }
          } else if let message = try receiver.receive(until: .now) {
            #expect(!model.isEmpty && message == model.removeFirst(), "step \(step)")
          } else {
            #expect(model.isEmpty, "step \(step)")
          }
        }
        for message in model { #expect(try receiver.receive(until: .now) == message) }
        #expect(try receiver.receive(until: .now) == nil)
        #expect(refused > 0)
        sender.close()
        receiver.close()
      }
    }

    @Test("messages filled in place arrive, also when smaller than reserved", arguments: [4096, 16384])
    func inPlace(capacity: Int) throws {
      var random = SeededRandom.printed()
      let ring = try TestRing(capacity: capacity)
      let (sender, receiver) = try (ring.sender(), ring.receiver())
      for _ in 0..<3000 {
        let message = random.bytes(0...(random.chance(5) ? capacity / 2 + 500 : 300))
        let extra = Int.random(in: 0...100, using: &random)
        guard let room = unsafe try sender.reserve(message.count + extra, until: .now) else {
          Issue.record("an empty ring had no room for \(message.count + extra)")
          return
        }
        let count = room.count
        #expect(count == message.count + extra)
        if !message.isEmpty { unsafe room.copyBytes(from: message) }
        #expect(try sender.commit(message.count, until: .now))
        #expect(try receiver.receive(until: .now) == message)
      }
      sender.close()
      receiver.close()
    }

    @Test("a reservation that is refused sends nothing")
    func refusedReservation() throws {
      let ring = try TestRing()
      let (sender, receiver) = try (ring.sender(), ring.receiver())
      let half = [UInt8](repeating: 1, count: 2000)
      #expect(try sender.send(half, until: .now))
      #expect(try sender.send(half, until: .now))
      let room = unsafe try sender.reserve(2000, until: .now)
      let isRefused = unsafe room == nil
      #expect(isRefused)
      #expect(try receiver.receive(until: .now) == half)
      #expect(try receiver.receive(until: .now) == half)
      #expect(try receiver.receive(until: .now) == nil)
      #expect(try sender.send([7], until: .now))
      #expect(try receiver.receive(until: .now) == [7])
      sender.close()
      receiver.close()
    }

    @Test("messages larger than the ring arrive while it is read", arguments: WaitStrategy.allCases)
    func largerThanTheRing(wait: WaitStrategy) throws {
      var random = SeededRandom.printed()
      let messages = (0..<30).map { _ in random.bytes(0...30_000) }
      let channel = try ByteChannel(at: "memory:?capacity=4K&wait=\(wait.rawValue)")
      let box = Handed(messages, channel.sender)
      var receiver = channel.receiver
      try Threads.start(name: "sender") { box.run() }
      for message in messages { #expect(try receiver.receive([UInt8].self) == message) }
      #expect(code { () throws(ChannelError) in try receiver.receive([UInt8].self) } == .closed)
    }

    /// Moves a sender to the thread that uses it.
    private final class Handed: Sendable {
      private let sender: Locked<ByteSender?>
      private let messages: [[UInt8]]

      init(_ messages: [[UInt8]], _ sender: consuming sending ByteSender) {
        self.messages = messages
        self.sender = Locked(consume sender)
      }

      func run() {
        guard var sender = sender.withLock({ $0.take() }) else { return }
        for message in messages { try? sender.send(message) }
      }
    }

    @Test("when the sender closes, the remaining messages arrive before the end")
    func senderCloses() throws {
      let ring = try TestRing()
      let (sender, receiver) = try (ring.sender(), ring.receiver())
      #expect(try sender.send([1]))
      #expect(try sender.send([2]))
      sender.close()
      sender.close()
      #expect(try receiver.receive() == [1])
      #expect(try receiver.receive() == [2])
      for _ in 0..<2 { #expect(code { () throws(ChannelError) in try receiver.receive() } == .closed) }
      receiver.close()
    }

    @Test("when the receiver closes, the sender gets closed")
    func receiverCloses() throws {
      let ring = try TestRing()
      let (sender, receiver) = try (ring.sender(), ring.receiver())
      #expect(try sender.send([1]))
      receiver.close()
      #expect(code { () throws(ChannelError) in try sender.send([2]) } == .closed)
      #expect(
        code { () throws(ChannelError) in try sender.send([UInt8](repeating: 0, count: 9000)) } == .closed)
      sender.close()
    }

    @Test("a ring's size is a power of two, at least the capacity asked for")
    func sizes() {
      for (wish, expected) in [(0, 4096), (1, 4096), (4096, 4096), (4097, 8192), (1 << 20, 1 << 20)] {
        #expect(Ring.capacity(for: wish) == expected)
      }
      #expect(Ring.capacity(for: .max) == 1 << 40)
      #expect(Ring.capacity(for: -1) == 4096)
    }
  }
}
