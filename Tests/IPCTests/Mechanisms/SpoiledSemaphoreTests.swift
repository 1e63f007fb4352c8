import Glibc
import SystemCalls
import TestSupport
import Testing

@testable import IPC

extension AllTests {
  @Suite(.guarded) struct SpoiledSemaphoreTests {
    /// In a separate process: the C library aborted it.
    @Test(
      "POSIX semaphores that another process has overwritten are errors", arguments: [UInt8(0xFF), 0x80, 1])
    func overwritten(byte: UInt8) async {
      await #expect(processExitsWith: .success) { [byte = byte as UInt8] in
        alarm(60)
        let pair = try Catalogue.implementation(of: .posixSemaphore).pair(ChannelOptions())
        let id = try pair.sender.transfer().parameters.first { $0.key == "segment" }.flatMap {
          Int32($0.value)
        }
        guard let id, let segment = try Segment(shmat: id) else { exit(2) }
        unsafe segment.bytes.initializeMemory(as: UInt8.self, repeating: byte)
        for _ in 0..<3 {
          let sent = code { () throws(ChannelError) in
            try pair.sender.send([], until: .within(.milliseconds(1)))
          }
          let taken = code { () throws(ChannelError) in
            try pair.receiver.receive(until: .within(.milliseconds(1)))
          }
          guard sent == .protocolViolation, taken == .protocolViolation else { exit(3) }
        }
        pair.sender.close()
        pair.receiver.close()
        exit(0)
      }
    }
  }
}
