import CSystem
import Glibc

/// eventfd(2).
package enum Events {
  /// - Parameter semaphore: each read takes one from the count, instead of all of it (EFD_SEMAPHORE).
  package static func create(_ initial: UInt32 = 0, semaphore: Bool = false) throws(SystemError) -> Descriptor
  {
    // EFD_CLOEXEC, EFD_SEMAPHORE.
    Descriptor(owning: try system(.eventfd) { csystem_eventfd(initial, 0o2000000 | (semaphore ? 1 : 0)) })
  }

  /// Adds one. Never blocks a descriptor in non-blocking mode.
  package static func signal(_ event: borrowing Descriptor) {
    var one: UInt64 = 1
    _ = unsafe write(event.raw, &one, 8)
  }

  /// Takes one from a descriptor in non-blocking mode. False: there is none.
  package static func takeOne(_ event: borrowing Descriptor) -> Bool {
    var count: UInt64 = 0
    return unsafe read(event.raw, &count, 8) == 8
  }

  /// Takes all.
  package static func drain(_ event: borrowing Descriptor) {
    var count: UInt64 = 0
    _ = unsafe read(event.raw, &count, 8)
  }
}

/// epoll(7), level-triggered; each descriptor carries a token.
package struct Epoll: ~Copyable, Sendable {
  package struct Interest: OptionSet, Sendable {
    package let rawValue: UInt32
    package init(rawValue: UInt32) { self.rawValue = rawValue }
    package static let read = Interest(rawValue: 0x001)
    package static let write = Interest(rawValue: 0x004)
    package static let failed = Interest(rawValue: 0x008)
    /// Always reported, asked for or not.
    package static let hangUp = Interest(rawValue: 0x010)
    package static let peerClosed = Interest(rawValue: 0x2000)
    /// Reports once, then no more until it is changed.
    package static let once = Interest(rawValue: 1 << 30)
  }

  private let descriptor: Descriptor

  package init() throws(SystemError) {
    descriptor = Descriptor(owning: try system(.epoll) { csystem_epoll_create() })
  }

  /// Its own descriptor: readable when one of those that it watches is ready.
  package var raw: Int32 { descriptor.raw }

  package func add(_ target: Int32, _ interest: Interest, token: UInt64) throws(SystemError) {
    try system(.epoll) { csystem_epoll_control(descriptor.raw, 1, target, interest.rawValue, token) }
  }

  package func change(_ target: Int32, _ interest: Interest, token: UInt64) throws(SystemError) {
    try system(.epoll) { csystem_epoll_control(descriptor.raw, 3, target, interest.rawValue, token) }
  }

  package func remove(_ target: Int32) {
    _ = csystem_epoll_control(descriptor.raw, 2, target, 0, 0)
  }

  /// Waits for events; nil: for ever.
  package func wait(milliseconds: Int32?) throws(SystemError) -> [(token: UInt64, found: Interest)] {
    var events = [UInt32](repeating: 0, count: 256)
    var tokens = [UInt64](repeating: 0, count: 256)
    let count = try system(.epoll) {
      unsafe csystem_epoll_wait(descriptor.raw, &events, &tokens, 256, milliseconds ?? -1)
    }
    return (0..<Int(count)).map { (tokens[$0], Interest(rawValue: events[$0])) }
  }
}
