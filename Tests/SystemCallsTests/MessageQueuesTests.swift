import Glibc
import Testing

@testable import SystemCalls

extension AllSystemCallsTests {
  @Suite struct MessageQueuesTests {
    /// A message's bytes as msgsnd(2) has them: the type, then the text.
    private func message(_ type: UInt8, _ text: [UInt8]) -> [UInt8] { [type, 0, 0, 0, 0, 0, 0, 0] + text }

    private func send(_ id: Int32, _ type: UInt8, _ text: [UInt8]) throws(SystemError) {
      let bytes = message(type, text)
      unsafe try bytes.span.withUnsafeBytes { raw throws(SystemError) in
        unsafe try MessageQueues.msgsnd(id, raw.baseAddress!, count: text.count, wait: false)
      }
    }

    private func receive(_ id: Int32, capacity: Int, type: Int = 0) throws(SystemError) -> [UInt8] {
      let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: capacity + 8, alignment: 8)
      defer { unsafe memory.deallocate() }
      let count = unsafe try MessageQueues.msgrcv(
        id, memory.baseAddress!, capacity: capacity, type: type, wait: false)
      return unsafe Array(memory[8..<(8 + count)])
    }

    @Test("messages keep their boundaries and their order by type; a full queue would block")
    func boundaries() throws {
      let id = try MessageQueues.msgget()
      defer { try? MessageQueues.msgctl(remove: id) }
      try MessageQueues.msgctl(id, capacity: 64)
      #expect(try MessageQueues.msgctl(status: id).capacityBytes == 64)
      try send(id, 1, [1, 2, 3])
      try send(id, 2, [])
      try send(id, 1, [4])
      #expect(try MessageQueues.msgctl(status: id).messages == 3)
      #expect(throws: SystemError(EAGAIN, .msgsnd)) { try send(id, 1, [UInt8](repeating: 0, count: 62)) }
      #expect(throws: SystemError(EINVAL, .msgsnd)) { try send(id, 0, [1]) }
      #expect(throws: SystemError(E2BIG, .msgrcv)) { _ = try receive(id, capacity: 2) }
      #expect(try receive(id, capacity: 8, type: 2) == [])
      #expect(try receive(id, capacity: 8) == [1, 2, 3])
      #expect(try receive(id, capacity: 8) == [4])
      #expect(throws: SystemError(ENOMSG, .msgrcv)) { _ = try receive(id, capacity: 8) }
    }

    @Test("a probe takes no message", arguments: [1, 2, 100, 4096])
    func lookingTakesNothing(_ count: Int) throws {
      let id = try MessageQueues.msgget()
      defer { try? MessageQueues.msgctl(remove: id) }
      #expect(try !MessageQueues.msgrcv(probe: id))
      let texts = (0..<3).map { [UInt8](repeating: UInt8($0), count: count) }
      for (index, text) in texts.enumerated() { try send(id, UInt8(index + 1), text) }
      for (index, text) in texts.enumerated() {
        for _ in 0..<10 { #expect(try MessageQueues.msgrcv(probe: id)) }
        #expect(try MessageQueues.msgctl(status: id).messages == 3 - index)
        #expect(try receive(id, capacity: count) == text)
      }
      #expect(try !MessageQueues.msgrcv(probe: id))
      // Also in a full queue, and of any type.
      try MessageQueues.msgctl(id, capacity: 16)
      try send(id, 77, [UInt8](repeating: 9, count: 16))
      #expect(try MessageQueues.msgrcv(probe: id))
      #expect(try MessageQueues.msgctl(status: id).messages == 1)
    }

    @Test("a probe finds a message without a text, and takes it")
    func lookingAtNothing() throws {
      let id = try MessageQueues.msgget()
      defer { try? MessageQueues.msgctl(remove: id) }
      try send(id, 5, [])
      try send(id, 1, [7])
      #expect(try MessageQueues.msgrcv(probe: id))
      #expect(try MessageQueues.msgctl(status: id).messages == 1)
      #expect(try MessageQueues.msgrcv(probe: id))
      #expect(try receive(id, capacity: 8) == [7])
      #expect(try !MessageQueues.msgrcv(probe: id))
    }

    @Test("calls on a removed queue fail")
    func removed() throws {
      let id = try MessageQueues.msgget()
      try MessageQueues.msgctl(remove: id)
      #expect(throws: SystemError.self) { try send(id, 1, [1]) }
      #expect(throws: SystemError.self) { _ = try MessageQueues.msgctl(status: id) }
      #expect(throws: SystemError.self) { _ = try MessageQueues.msgrcv(probe: id) }
      #expect(throws: SystemError.self) { try MessageQueues.msgctl(remove: id) }
    }
  }
}
