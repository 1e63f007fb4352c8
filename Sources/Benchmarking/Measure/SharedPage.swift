import CBaseline
import SystemCalls

/// Memory that the processes of an exchange share: for the cache-line probe, and to see that a receiver sleeps.
@safe final class SharedPage {
  private let segment: Segment
  let pointer: UnsafeMutablePointer<baseline_board>

  var id: Int32 { segment.id }

  /// Creates one. It is marked for removal at once, so the kernel removes it with its last process.
  init() throws(SystemError) {
    segment = try Segment(shmget: MemoryLayout<baseline_board>.size)
    unsafe pointer = segment.bytes.baseAddress!.assumingMemoryBound(to: baseline_board.self)
    try Segment.shmctl(remove: segment.id)
  }

  /// The one with this id, in another process.
  init(attaching id: Int32) throws {
    guard let segment = try Segment(shmat: id) else {
      throw ExchangeFailure("segment \(id) is another user's")
    }
    guard unsafe segment.bytes.count >= MemoryLayout<baseline_board>.size else {
      throw ExchangeFailure("segment \(id) is too small")
    }
    self.segment = segment
    unsafe pointer = self.segment.bytes.baseAddress!.assumingMemoryBound(to: baseline_board.self)
  }
}
