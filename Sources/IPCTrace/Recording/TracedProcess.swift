/// A process that has recorded events: what its file says of it.
public struct TracedProcess: Sendable, Hashable {
  /// Its id: getpid(2).
  public let id: Int32
  /// Its parent's id, when it began to record.
  public let parent: Int32
  /// When it began to record: CLOCK_MONOTONIC, in nanoseconds.
  public let start: UInt64
  /// The same moment as wall clock time, in nanoseconds since 1970.
  public let wallStart: UInt64
  /// The words of its command line.
  public let command: [String]
  /// How many events found no room, because no reader kept up.
  public internal(set) var lost: UInt64 = 0
  /// Whether it has said that it ended. If it is gone and hasn't, it was killed, or ended without exit(3).
  public internal(set) var saidEnd = false

  package init(id: Int32, parent: Int32, start: UInt64, wallStart: UInt64, command: [String]) {
    self.id = id
    self.parent = parent
    self.start = start
    self.wallStart = wallStart
    self.command = command
  }
}
