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
    // The deadline may pass when the stream has some of the bytes already. So the message goes in fragments with `more`,
    // followed by an empty last one: until the very last byte, which holds the flags, is out, the message can still be
    // given up. What is given up inside a fragment has to be filled up, so that fragments aren't as long as messages.
    var offset = 0
    repeat {
      let end = min(offset + Self.abandonableBytes, bytes.count)
      let header = FrameHeader(stream: stream, count: end - offset, continues: offset > 0, more: true)
      let body = unsafe UnsafeRawBufferPointer(rebasing: bytes[offset..<end])
      guard unsafe try sendFragment(header, body, isLast: end == bytes.count, until: deadline) else {
        return false
      }
      offset = end
    } while offset < bytes.count
    return true
  }

  private static let abandonableBytes = 1 << 20

  /// One fragment of a message to a byte stream; behind the last, the empty one that ends the message.
  private func sendFragment(
    _ header: FrameHeader, _ body: UnsafeRawBufferPointer, isLast: Bool, until deadline: Deadline
  ) throws(ChannelError) -> Bool {
    let end = FrameHeader(stream: stream, count: 0, continues: true)
    let total = FrameHeader.size + body.count + (isLast ? FrameHeader.size : 0)
    var done = 0
    while done < total {
      let count = unsafe try write(from: done, header, body, isLast ? end : nil, until: deadline)
      if count == 0 { break }
      done += count
    }
    if done == total { return true }
    if done > 0 { abandon(after: done, first: header, bytes: body.count, last: end) }
    return false
  }

  /// Writes what follows the first `done` bytes of header, message and last fragment.
  private func write(
    from done: Int, _ first: FrameHeader, _ bytes: UnsafeRawBufferPointer, _ last: FrameHeader?,
    until deadline: Deadline
  ) throws(ChannelError) -> Int {
    let bodyEnd = FrameHeader.size + bytes.count
    if done < FrameHeader.size {
      return unsafe try withHeader(first) { head throws(ChannelError) in
        unsafe try write(UnsafeRawBufferPointer(rebasing: head[done...]), bytes, deadline)
      }
    }
    let rest = unsafe UnsafeRawBufferPointer(rebasing: bytes[min(done - FrameHeader.size, bytes.count)...])
    guard let last else { return unsafe try write(rest, Self.none, deadline) }
    return unsafe try withHeader(last) { tail throws(ChannelError) in
      if done < bodyEnd { return unsafe try write(rest, tail, deadline) }
      return unsafe try write(
        UnsafeRawBufferPointer(rebasing: tail[(done - bodyEnd)...]), Self.none, deadline)
    }
  }
}
