import Glibc
import SystemCalls

/// The file of a registry entry, locked (flock(2)): no other process joins, leaves or removes the channel meanwhile. The kernel
/// releases the lock when this goes out of scope, however the process ends.
struct RegistryFile: ~Copyable {
  let path: String
  private let descriptor: Descriptor

  private init(_ path: String, _ descriptor: consuming Descriptor) {
    self.path = path
    self.descriptor = descriptor
  }

  // MARK: Locking

  /// How often the file may be found removed between open(2) and flock(2).
  private static let maximumAttempts = 1000

  /// The file at a path, locked. A process that is stopped while it holds the lock makes this wait until the deadline.
  ///
  /// - Parameter create: makes the file if there is none.
  /// - Returns: nil if there is none.
  /// - Throws: `busy` if the deadline passes; `wrongKind` if something else has the path.
  static func locked(
    _ path: String, create: Bool, _ mechanism: Mechanism?, until deadline: Deadline
  ) throws(ChannelError) -> RegistryFile? {
    var backoff = Backoff(deadline)
    for _ in 0..<maximumAttempts {
      guard let file = try opened(path, create: create, mechanism) else {
        if !create { return nil }
        // Another process has removed the directory with its last name between the two calls.
        _ = try RegistryDirectory.make()
        continue
      }
      while try !file.lock(mechanism) {
        guard backoff.pause() else {
          throw ChannelError(
            .busy, .open, mechanism,
            "\(path) is locked by a process that opens or closes this name and doesn't go on: continue it (kill -CONT) or end it; lsof names it"
          )
        }
      }
      // The last endpoint that left may have removed it between the two calls.
      if try file.hasPath(mechanism) { return file }
    }
    throw ChannelError(
      .busy, .open, mechanism, "other processes make and remove \(path) all the time: try another name")
  }

  /// A new file, locked, that no other process knows.
  /// - Returns: nil if the path is taken, or another process removed the file before it was locked.
  static func made(_ path: String) throws(ChannelError) -> RegistryFile? {
    let file: Descriptor?
    do throws(SystemError) {
      file = try Files.open(path, .readWrite, create: true, exclusive: true)
    } catch {
      guard error.meansTaken else { throw ChannelError(error, .open, nil, path) }
      file = nil
    }
    switch consume file {
    case .some(let descriptor):
      let made = RegistryFile(path, descriptor)
      guard try made.lock(nil), try made.hasPath(nil) else { return nil }
      return made
    case .none: return nil
    }
  }

  private static func opened(
    _ path: String, create: Bool, _ mechanism: Mechanism?
  ) throws(ChannelError) -> RegistryFile? {
    do throws(SystemError) {
      // Without O_NONBLOCK a FIFO in the file's place would wait for a process to open its other end.
      let file = RegistryFile(path, try Files.open(path, .readWrite, create: create, nonblocking: true))
      guard try Files.fstat(file.descriptor).kind == .regular else {
        throw SystemError(EISDIR, .open)
      }
      return file
    } catch {
      if error.meansMissing { return nil }
      guard error.meansOtherThanFile else { throw ChannelError(error, .open, mechanism, path) }
      throw ChannelError(
        .wrongKind, .open, mechanism,
        "\(path) isn't the file that records this name's kernel objects, but a directory, a link or another kind of file: remove it",
        errno: error.number)
    }
  }

  private func lock(_ mechanism: Mechanism?) throws(ChannelError) -> Bool {
    try translating(.open, mechanism, path) { () throws(SystemError) in
      try Files.flock(descriptor, wait: false)
    }
  }

  private func hasPath(_ mechanism: Mechanism?) throws(ChannelError) -> Bool {
    let mine = try translating(.open, mechanism, path) { () throws(SystemError) in
      try Files.fstat(descriptor)
    }
    return (try? Files.stat(path))?.inode == mine.inode
  }

  // MARK: Content

  /// What the file says; nil: nothing that is an entry.
  func record(_ mechanism: Mechanism? = nil) throws(ChannelError) -> RegistryRecord? {
    RegistryRecord(
      try translating(.open, mechanism, path) { () throws(SystemError) in try Files.readText(descriptor) })
  }

  /// Takes the content away: what it recorded is gone.
  func clear() throws(SystemError) { try Files.ftruncate(descriptor) }

  /// Replaces the content by a text that says more. At no instant does the file say less than before: the process may be killed
  /// at each.
  func write(_ text: String) throws(SystemError) {
    try Files.rewind(descriptor)
    try Files.writeText(descriptor, text)
    try Files.ftruncate(descriptor, to: text.utf8.count)
  }

  /// Adds to the content, which was read to its end and has so many bytes. What a failure leaves of it is taken back.
  func append(_ text: String, after bytes: Int) throws(SystemError) {
    do throws(SystemError) {
      try Files.writeText(descriptor, text)
    } catch {
      try? Files.ftruncate(descriptor, to: bytes)
      throw error
    }
  }
}
