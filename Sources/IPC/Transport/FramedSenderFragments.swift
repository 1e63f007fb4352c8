/// Messages that don't go in one piece.
extension FramedSender {
  /// To a channel that others send into too: fragments that each go whole.
  func sendFragments(
    _ bytes: UnsafeRawBufferPointer, until deadline: Deadline
  ) throws(ChannelError) -> Bool {
    claimNumber()
    let most = unitBytes - FrameHeader.size
    var offset = 0
    repeat {
      let end = min(offset + most, bytes.count)
      let header = FrameHeader(
        stream: stream, count: end - offset, continues: offset > 0, more: end < bytes.count)
      let body = unsafe UnsafeRawBufferPointer(rebasing: bytes[offset..<end])
      // Given up between two fragments: the next message begins without `continues`, and the receiver drops this one.
      do throws(ChannelError) {
        let sent = unsafe try withHeader(header) { head throws(ChannelError) in
          unsafe try put(head, body, deadline) ? 1 : 0
        }
        if sent == 0 {
          abandonFragments()
          return false
        }
      } catch {
        abandonFragments()
        throw error
      }
      offset = end
    } while offset < bytes.count
    return true
  }

  /// To a byte stream with this one sender.
  func sendStream(
    _ bytes: UnsafeRawBufferPointer, until deadline: Deadline
  ) throws(ChannelError) -> Bool {
    if deadline.isNever {
      return unsafe try withHeader(FrameHeader(stream: stream, count: bytes.count)) {
        head throws(ChannelError) in
        unsafe try put(head, bytes, .never) ? 1 : 0
      } > 0
    }
    // The deadline may pass when the stream has some of the bytes already. So the message goes as a fragment with
    // `more`, followed by an empty last fragment: until the very last byte, which holds the flags, is out, the message
    // can still be given up.
    let first = FrameHeader(stream: stream, count: bytes.count, more: true)
    let last = FrameHeader(stream: stream, count: 0, continues: true)
    let total = FrameHeader.size + bytes.count + FrameHeader.size
    var done = 0
    while done < total {
      let count = unsafe try write(from: done, first, bytes, last, until: deadline)
      if count == 0 { break }
      done += count
    }
    if done == total { return true }
    if done > 0 { abandon(after: done, first: first, bytes: bytes.count, last: last) }
    return false
  }

  /// Writes what follows the first `done` bytes of header, message and last fragment.
  private func write(
    from done: Int, _ first: FrameHeader, _ bytes: UnsafeRawBufferPointer, _ last: FrameHeader,
    until deadline: Deadline
  ) throws(ChannelError) -> Int {
    let bodyEnd = FrameHeader.size + bytes.count
    if done < FrameHeader.size {
      return unsafe try withHeader(first) { head throws(ChannelError) in
        unsafe try write(UnsafeRawBufferPointer(rebasing: head[done...]), bytes, deadline)
      }
    }
    return unsafe try withHeader(last) { tail throws(ChannelError) in
      if done < bodyEnd {
        let rest = unsafe UnsafeRawBufferPointer(rebasing: bytes[(done - FrameHeader.size)...])
        return unsafe try write(rest, tail, deadline)
      }
      let rest = unsafe UnsafeRawBufferPointer(rebasing: tail[(done - bodyEnd)...])
      return unsafe try write(rest, Self.none, deadline)
    }
  }
}
