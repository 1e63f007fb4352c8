import Glibc
import SystemCalls
import Testing

extension AllSystemCallsTests {
  @Suite struct MemoryFileTests {
    @Test("memory is zeroed, as large as asked, closed on exec, and the same in every mapping")
    func mapping() throws {
      let first = try memoryFile(10_000)
      let count = unsafe first.bytes.count
      #expect(count == 10_000)
      #expect(unsafe first.bytes.allSatisfy { $0 == 0 })
      #expect(closesOnExec(first.descriptor.raw))
      let second = try MemoryFile(mmap: try first.descriptor.duplicate())!
      unsafe first.bytes.storeBytes(of: 77, toByteOffset: 9_999, as: UInt8.self)
      let (seen, size) = unsafe (second.bytes.load(fromByteOffset: 9_999, as: UInt8.self), second.bytes.count)
      #expect(seen == 77 && size == 10_000)
    }

    @Test("the memory can't be shrunk, grown or unsealed")
    func seals() throws {
      let memory = try memoryFile(4096)
      #expect(ftruncate(memory.descriptor.raw, 4095) == -1 && errno == EPERM)
      #expect(ftruncate(memory.descriptor.raw, 4097) == -1 && errno == EPERM)
    }

    @Test("a file that isn't sealed against shrinking isn't mapped")
    func unsealed() throws {
      let memory = try MemoryFile.memfdCreate()
      try MemoryFile.ftruncate(memory, bytes: 4096)
      #expect(try !isMapped(memory))
      let scratch = try ScratchDirectory()
      let file = try Files.open(scratch("file"), .readWrite, create: true)
      try MemoryFile.ftruncate(file, bytes: 4096)
      do throws(SystemError) {
        // A tmpfs knows seals, and this file has none that matters.
        #expect(try !isMapped(file))
      } catch {
        // Other file systems know none at all.
        #expect(error == SystemError(EINVAL, .fcntl))
      }
    }

    private func isMapped(_ file: borrowing Descriptor) throws(SystemError) -> Bool {
      try MemoryFile(mmap: try file.duplicate()) != nil
    }
  }
}
