/// Messages that don't go in one piece.
extension FramedSender {
  /// To a channel that others send into too: parts that each go whole.
  func sendParts(
    _ bytes: UnsafeRawBufferPointer, until deadline: Deadline
  ) throws(ChannelError) -> Bool {
    let most = unitBytes - FrameHeader.size
    var offset = 0
    repeat {
      let end = min(offset + most, bytes.count)
      let header = FrameHeader(
        stream: stream, count: end - offset, continues: offset > 0, more: end < bytes.count)
      let body = unsafe UnsafeRawBufferPointer(rebasing: bytes[offset..<end])
      // Given up between two parts: the next message begins without `continues`, and the receiver drops this one.
      do throws(ChannelError) {
        let sent = unsafe try withHeader(header) { head throws(ChannelError) in
          unsafe try put(head, body, PartPosition(header), deadline) ? 1 : 0
        }
        if sent == 0 {
          sink.abandon()
          return false
        }
      } catch {
        sink.abandon()
        throw error
      }
      offset = end
    } while offset < bytes.count
    return true
  }

  /// To a byte stream of ours alone.
  func sendStream(
    _ bytes: UnsafeRawBufferPointer, until deadline: Deadline
  ) throws(ChannelError) -> Bool {
    if deadline.isNever {
      return unsafe try withHeader(FrameHeader(stream: stream, count: bytes.count)) {
        head throws(ChannelError) in
        unsafe try put(head, bytes, .whole, .never) ? 1 : 0
      } > 0
    }
    // It may have to give up when some bytes are out already. So the message goes as a part with `more`, and
    // behind it an empty last part: until the very last byte, the flags, is out, the message can still be undone.
    let first = FrameHeader(stream: stream, count: bytes.count, more: true)
    let last = FrameHeader(stream: stream, count: 0, continues: true)
    let total = FrameHeader.size + bytes.count + FrameHeader.size
    var done = 0
    while done < total {
      let count = unsafe try writeFrom(done, first, bytes, last, until: deadline)
      if count == 0 { break }
      done += count
    }
    if done == total { return true }
    if done > 0 { owe(from: done, first: first, bytes: bytes.count, last: last) }
    return false
  }

  /// Writes what is left of header, message and last part behind the first `done` bytes.
  private func writeFrom(
    _ done: Int, _ first: FrameHeader, _ bytes: UnsafeRawBufferPointer, _ last: FrameHeader,
    until deadline: Deadline
  ) throws(ChannelError) -> Int {
    let bodyEnd = FrameHeader.size + bytes.count
    if done < FrameHeader.size {
      return unsafe try withHeader(first) { head throws(ChannelError) in
        unsafe try write(UnsafeRawBufferPointer(rebasing: head[done...]), bytes, .whole, deadline)
      }
    }
    return unsafe try withHeader(last) { tail throws(ChannelError) in
      if done < bodyEnd {
        let rest = unsafe UnsafeRawBufferPointer(rebasing: bytes[(done - FrameHeader.size)...])
        return unsafe try write(rest, tail, .whole, deadline)
      }
      let rest = unsafe UnsafeRawBufferPointer(rebasing: tail[(done - bodyEnd)...])
      return unsafe try write(rest, Self.none, .whole, deadline)
    }
  }
}
