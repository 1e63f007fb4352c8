import SystemCalls

/// What an ``EventLoop`` watches a descriptor for, and what it found. epoll(7)
public struct DescriptorEvents: OptionSet, Hashable, Sendable {
  /// The bits of epoll_ctl(2).
  public let rawValue: UInt32

  /// Events from the bits of epoll_ctl(2).
  public init(rawValue: UInt32) { self.rawValue = rawValue }

  init(_ epoll: Epoll.Interest) { rawValue = epoll.rawValue }

  var epoll: Epoll.Interest { Epoll.Interest(rawValue: rawValue) }

  /// A read doesn't block: there are bytes, a connection to accept, or the end. EPOLLIN
  public static let read = DescriptorEvents(.read)
  /// A write doesn't block: there is room, or the connection is made. EPOLLOUT
  public static let write = DescriptorEvents(.write)
  /// The descriptor has an error, or the last reader of a pipe has closed. Always reported. EPOLLERR
  public static let failed = DescriptorEvents(.failed)
  /// The peer has closed. Always reported. EPOLLHUP
  public static let hangUp = DescriptorEvents(.hangUp)
  /// The peer of a socket sends no more. EPOLLRDHUP
  public static let peerClosed = DescriptorEvents(.peerClosed)
}
