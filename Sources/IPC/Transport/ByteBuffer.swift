/// Bytes that are appended at the end and removed from the front, in memory whose address only growing changes.
@safe final class ByteBuffer {
  private var memory: UnsafeMutableRawBufferPointer
  /// Where the unread bytes begin and end.
  private(set) var start = 0
  private(set) var end = 0
  /// For its owner, which counts uses.
  var lastUse = 0

  init(capacity: Int) {
    unsafe memory = .allocate(byteCount: max(capacity, 16), alignment: 16)
  }

  deinit { unsafe memory.deallocate() }

  var count: Int { end - start }
  /// Where the unread bytes begin.
  @inline(__always) var front: UnsafeRawPointer { unsafe UnsafeRawPointer(memory.baseAddress! + start) }
  /// Where the ``free`` bytes begin.
  @inline(__always) var back: UnsafeMutableRawPointer { unsafe memory.baseAddress! + end }
  /// How many bytes fit behind the unread ones without moving them.
  @inline(__always) var free: Int { unsafe memory.count - end }
  var capacity: Int { unsafe memory.count }

  /// The unread bytes.
  var bytes: UnsafeRawBufferPointer { unsafe UnsafeRawBufferPointer(rebasing: memory[start..<end]) }

  /// Room behind the unread bytes: at least `count`. Moves them to the front, or grows, to make it.
  func room(_ count: Int) -> UnsafeMutableRawBufferPointer {
    if start == end {
      start = 0
      end = 0
    }
    if unsafe memory.count - end < count {
      let unread = end - start
      if unsafe memory.count - unread >= count && start > 0 {
        if unread > 0 {
          unsafe memory.baseAddress!.copyMemory(from: memory.baseAddress! + start, byteCount: unread)
        }
      } else {
        let bigger = unsafe UnsafeMutableRawBufferPointer.allocate(
          byteCount: max(unread + count, memory.count * 2), alignment: 16)
        if unread > 0 {
          unsafe bigger.baseAddress!.copyMemory(from: memory.baseAddress! + start, byteCount: unread)
        }
        unsafe memory.deallocate()
        unsafe memory = bigger
      }
      start = 0
      end = unread
    }
    return unsafe UnsafeMutableRawBufferPointer(rebasing: memory[end...])
  }

  /// Whether it may be kept for the next message: the memory of a single huge message is freed.
  var isWorthKeeping: Bool { capacity <= 8 << 20 }

  func filled(_ count: Int) { end += count }

  func dropFirst(_ count: Int) { start += count }

  func removeAll() {
    start = 0
    end = 0
  }

  func append(_ bytes: UnsafeRawBufferPointer) {
    guard bytes.count > 0 else { return }
    let target = unsafe room(bytes.count)
    unsafe target.copyMemory(from: bytes)
    filled(bytes.count)
  }
}
