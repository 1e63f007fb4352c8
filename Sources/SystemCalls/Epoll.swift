import CSystem

/// epoll(7), level-triggered; each descriptor carries a token.
package struct Epoll: ~Copyable, Sendable {
  package struct Interest: OptionSet, Sendable {
    package let rawValue: UInt32
    package init(rawValue: UInt32) { self.rawValue = rawValue }
    package static let read = Interest(rawValue: CSYSTEM_EPOLLIN)
    package static let write = Interest(rawValue: CSYSTEM_EPOLLOUT)
    package static let failed = Interest(rawValue: CSYSTEM_EPOLLERR)
    /// Always reported, asked for or not.
    package static let hangUp = Interest(rawValue: CSYSTEM_EPOLLHUP)
    package static let peerClosed = Interest(rawValue: CSYSTEM_EPOLLRDHUP)
    /// Reports once, then no more until it is changed.
    package static let once = Interest(rawValue: CSYSTEM_EPOLLONESHOT)
  }

  private let descriptor: Descriptor

  /// epoll_create1(2), closed on exec.
  package init() throws(SystemError) {
    descriptor = try making(.epollCreate1) { csystem_epoll_create1() }
  }

  /// Its own descriptor: readable when one of those that it watches is ready.
  package var raw: Int32 { descriptor.raw }

  /// epoll_ctl(2) with EPOLL_CTL_ADD.
  package func add(_ target: Int32, _ interest: Interest, token: UInt64) throws(SystemError) {
    try system(.epollCtl, .descriptor(target, detail: UInt64(CSYSTEM_EPOLL_CTL_ADD))) {
      csystem_epoll_ctl(descriptor.raw, CSYSTEM_EPOLL_CTL_ADD, target, interest.rawValue, token)
    }
  }

  /// epoll_ctl(2) with EPOLL_CTL_MOD.
  package func change(_ target: Int32, _ interest: Interest, token: UInt64) throws(SystemError) {
    try system(.epollCtl, .descriptor(target, detail: UInt64(CSYSTEM_EPOLL_CTL_MOD))) {
      csystem_epoll_ctl(descriptor.raw, CSYSTEM_EPOLL_CTL_MOD, target, interest.rawValue, token)
    }
  }

  /// epoll_ctl(2) with EPOLL_CTL_DEL.
  package func remove(_ target: Int32) {
    observed(.epollCtl, .descriptor(target, detail: UInt64(CSYSTEM_EPOLL_CTL_DEL))) {
      csystem_epoll_ctl(descriptor.raw, CSYSTEM_EPOLL_CTL_DEL, target, 0, 0)
    }
  }

  /// epoll_wait(2): waits for events; nil: without a limit. With a limit, a signal ends the wait, without events: the
  /// caller waits for what is left.
  package func wait(milliseconds: Int32?) throws(SystemError) -> [(token: UInt64, found: Interest)] {
    var events = [UInt32](repeating: 0, count: Int(CSYSTEM_EPOLL_EVENTS))
    var tokens = [UInt64](repeating: 0, count: Int(CSYSTEM_EPOLL_EVENTS))
    let count: Int32
    do throws(SystemError) {
      count = try system(
        .epollWait, .descriptor(descriptor.raw, waits: milliseconds != 0),
        throwsInterrupted: milliseconds != nil
      ) {
        unsafe csystem_epoll_wait(descriptor.raw, &events, &tokens, milliseconds ?? -1)
      }
    } catch {
      guard error.endsWait else { throw error }
      return []
    }
    return (0..<Int(count)).map { (tokens[$0], Interest(rawValue: events[$0])) }
  }
}
