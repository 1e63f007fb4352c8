import IPC
import TestSupport
import Testing

extension AllTests {
  /// A System V segment without a channel.
  @Suite(.guarded) struct SharedMemoryTests {
    @Test("new memory has the words asked for, and all are zero", arguments: [1, 5, 512, 513, 100_000])
    func creation(words: Int) throws {
      let memory = try SharedMemory.create(words: words)
      try memory.remove()
      #expect(memory.words == words)
      let isZero = (0..<words).allSatisfy { memory[$0] == 0 }
      #expect(isZero)
      memory[words - 1] = .max
      #expect(memory[words - 1] == .max)
    }

    @Test("another process that opens the id sees every word, and its writes are seen here")
    func anotherProcess() throws {
      let memory = try SharedMemory.create(words: 3)
      defer { try? memory.remove() }
      let peer = try PeerProcess()
      try peer.order("memory-wait \(memory.id) 0 42")
      memory[0] = 42
      #expect(try peer.answer() == "3")
      try peer.must("memory-set \(memory.id) 2 7")
      #expect(memory[0] == 42 && memory[1] == 0 && memory[2] == 7)
      try peer.finish()
    }

    @Test("memory outlives the process that wrote it")
    func persistence() throws {
      let memory = try SharedMemory.create(words: 1)
      defer { try? memory.remove() }
      let peer = try PeerProcess()
      try peer.must("memory-set \(memory.id) 0 9")
      try peer.kill()
      #expect(try SharedMemory.open(id: memory.id)[0] == 9)
    }

    /// The suite checks that the kernel has removed it.
    @Test("removed memory stays until the last process detaches it, also when that process is killed")
    func removal() throws {
      let peer = try PeerProcess()
      let id: Int32
      do {
        let memory = try SharedMemory.create(words: 2)
        id = memory.id
        try peer.order("memory-wait \(id) 0 1")
        peer.untilAsleep()
        try memory.remove()
        memory[1] = 5
        #expect(memory[1] == 5)
      }
      try peer.kill()
      do throws(ChannelError) {
        _ = try SharedMemory.open(id: id)
        Issue.record("opened removed memory")
      } catch {
        #expect(error.code == .system)
        #expect(error.message.contains("segment \(id)") && error.message.contains("shmctl"))
      }
    }

    @Test("more memory than the kernel allows is an error")
    func tooLarge() {
      do throws(ChannelError) {
        _ = try SharedMemory.create(words: 1 << 59)
        Issue.record("made memory of 2^62 bytes")
      } catch {
        #expect(error.code == .system)
        #expect(error.message.contains("shmget"))
      }
    }

    @Test(
      "an index beyond the words, or no words, is a precondition failure", arguments: [-1, 2, Int.max / 8])
    func bounds(index: Int) async {
      await #expect(processExitsWith: .failure) { [index = index as Int] in
        let memory = try SharedMemory.create(words: 2)
        try memory.remove()
        _ = memory[index]
      }
      await #expect(processExitsWith: .failure) { _ = try SharedMemory.create(words: 0) }
    }
  }
}
