import Glibc
import SystemCalls
import Testing

extension AllSystemCallsTests {
  @Suite struct POSIXQueuesTests {
    @Test("messages keep their boundaries and order; a full and an empty queue say so at once")
    func messages() throws {
      let name = "/swift-ipc-tests-\(getpid())"
      let queue = try POSIXQueues.mqOpen(creating: name, messages: 2, size: 16)
      defer { try? POSIXQueues.mqUnlink(name) }
      #expect(closesOnExec(queue.raw))
      #expect(try POSIXQueues.mqGetattr(queue).size == 16)
      #expect(throws: SystemError(EEXIST, .mqOpen)) {
        _ = try POSIXQueues.mqOpen(creating: name, messages: 2, size: 16)
      }
      let again = try POSIXQueues.mqOpen(name)
      let room = UnsafeMutableRawBufferPointer.allocate(byteCount: 16, alignment: 8)
      defer { unsafe room.deallocate() }
      func send(_ bytes: [UInt8]) throws -> Bool {
        unsafe try bytes.withUnsafeBytes { unsafe try POSIXQueues.mqSend(queue.raw, $0) }
      }
      #expect(unsafe try POSIXQueues.mqReceive(again.raw, into: room) == nil)
      #expect(try send([1, 2, 3]))
      #expect(try send([]))
      #expect(try !send([4]))
      #expect(unsafe try POSIXQueues.mqReceive(again.raw, into: room) == 3)
      #expect(unsafe room.prefix(3).elementsEqual([1, 2, 3]))
      #expect(unsafe try POSIXQueues.mqReceive(again.raw, into: room) == 0)
      #expect(throws: SystemError(EMSGSIZE, .mqTimedsend)) { _ = try send([UInt8](repeating: 0, count: 17)) }
    }
  }
}
