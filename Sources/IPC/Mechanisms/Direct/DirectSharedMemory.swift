import SystemCalls

/// A System V segment as the kernel has it: memory that several processes see, in words of eight bytes. Each word is
/// read and written whole; keeping two words consistent is up to the processes.
///
/// System calls: shmget(2), shmat(2), shmctl(2); none to read or write. Errors: `system`, with the kernel's error.
public struct SharedMemory: ~Copyable, Sendable {
  private let segment: Segment

  private init(_ segment: consuming Segment) { self.segment = segment }

  /// Makes zeroed memory of so many words, which other processes find by its id. It stays until ``remove()``.
  public static func create(words: Int) throws(ChannelError) -> SharedMemory {
    precondition(words > 0, "at least one word")
    do throws(SystemError) {
      return SharedMemory(try Segment(shmget: words * 8))
    } catch {
      throw ChannelError(error, .open, .memory)
    }
  }

  /// Opens the memory with this id, of this user's.
  public static func open(id: Int32) throws(ChannelError) -> SharedMemory {
    let segment = try translating(.open, .memory, "segment \(id)") { () throws(SystemError) in
      try Segment(shmat: id)
    }
    guard let segment else { throw .foreign(.memory, "segment \(id)") }
    return SharedMemory(segment)
  }

  /// The segment's id.
  public var id: Int32 { segment.id }

  /// The number of words.
  public var words: Int { unsafe segment.bytes.count / 8 }

  /// A word. A read sees everything that the writer of the value wrote before it.
  public subscript(index: Int) -> UInt64 {
    get { unsafe SharedCounter(segment.bytes, at: index * 8).load() }
    nonmutating set { unsafe SharedCounter(segment.bytes, at: index * 8).store(newValue) }
  }

  /// Marks the segment for removal: the kernel removes it when the last process detaches it.
  public func remove() throws(ChannelError) {
    let id = segment.id
    try translating(.open, .memory) { () throws(SystemError) in try Segment.shmctl(remove: id) }
  }
}
