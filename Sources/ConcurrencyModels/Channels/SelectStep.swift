/// What a select does at one channel.
@usableFromInline enum SelectStep {
  /// Receives into the slot, or sends from it, if that needs no wait.
  case receive, send
  /// Adds the slot to the queue of those that wait.
  case joinReceivers, joinSenders
  /// Removes it.
  case leaveReceivers, leaveSenders

  /// Carries out a step at the channel with this state, under its lock.
  @usableFromInline typealias Run =
    @Sendable (SelectStep, UnsafeMutableRawPointer, AnyChannelSlot) -> Outcome

  /// Whether the case was ready, and the peer that the caller then resumes.
  @usableFromInline struct Outcome {
    let isReady: Bool
    let peer: AnyChannelSlot?

    @usableFromInline init(isReady: Bool, peer: AnyChannelSlot? = nil) {
      self.isReady = isReady
      self.peer = peer
    }
  }
}

extension ChannelState {
  @inlinable mutating func carryOut(_ step: SelectStep, _ slot: ChannelSlot<Value>) -> SelectStep.Outcome {
    switch step {
    case .receive:
      let (found, sender) = take()
      if case .nothing = found { return .init(isReady: false) }
      unsafe slot.value = if case .value(let value) = found { value } else { nil }
      return .init(isReady: true, peer: sender)
    case .send:
      switch unsafe put(slot.value.unsafelyUnwrapped) {
      case .full: return .init(isReady: false)
      case .done: break
      case .closed: unsafe slot.isClosed = true
      case .delivered(let receiver): return .init(isReady: true, peer: receiver)
      }
      return .init(isReady: true)
    case .joinReceivers: receivers.append(slot)
    case .joinSenders: senders.append(slot)
    case .leaveReceivers: receivers.remove(slot)
    case .leaveSenders: senders.remove(slot)
    }
    return .init(isReady: false)
  }
}
