import Glibc
import IPC
import Testing

extension AllTests {
  @Suite struct CapacityTests {
    /// Makes a channel and sends a message over it, or gets an error; never a crash.
    @Test(
      "a capacity of any size is granted or refused",
      arguments: Mechanism.all.map(\.name), [1, 4, 8, 9, 100, 1 << 40, Int.max - 4000, Int.max])
    func anyCapacity(mechanism: String, bytes: Int) async {
      // In a separate process: a trap would end this one. The alarm ends an endless loop.
      await #expect(processExitsWith: .success) { [mechanism = mechanism as String, bytes = bytes as Int] in
        alarm(60)
        do throws(ChannelError) {
          var channel = try ByteChannel(at: "\(mechanism):?capacity=\(bytes)")
          if try channel.sender.trySend([1, 2, 3] as [UInt8]) {
            guard try channel.receiver.receive([UInt8].self) == [1, 2, 3] else { exit(1) }
          }
        } catch {
          guard error.code != .protocolViolation else { exit(2) }
        }
        exit(0)
      }
    }
  }
}
