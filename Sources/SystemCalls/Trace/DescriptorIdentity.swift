import CSystem
import Glibc

/// What a descriptor is, in words that are the same in every process that has the same object: `pipe:[1234]`. By calls that no
/// hook sees.
enum DescriptorIdentity {
  /// fstat(2), and for sockets getsockname(2), getpeername(2) and sock_diag(7).
  static func text(_ descriptor: Int32) -> String {
    var status = stat()
    guard unsafe fstat(descriptor, &status) == 0 else { return "?" }
    let link = link(descriptor)
    switch status.st_mode & S_IFMT {
    case S_IFIFO:
      // A FIFO has a path; a pipe doesn't.
      return link.hasPrefix("/") ? "fifo:[\(status.st_ino)] \(link)" : "pipe:[\(status.st_ino)]"
    case S_IFSOCK: return socket(descriptor, status.st_ino)
    case S_IFREG:
      if link.hasPrefix("/memfd:") { return "memfd:[\(status.st_ino)]" }
      // A POSIX message queue is a file of a file system of its own: mq_overview(7).
      return link.hasPrefix("/") && link.dropFirst().contains("/")
        ? "file:[\(status.st_ino)] \(link)"
        : "mqueue:[\(status.st_ino)] \(link)"
    default:
      if link == "anon_inode:[eventfd]", let id = field("eventfd-id:", descriptor) {
        return "eventfd:[\(id)]"
      }
      if link == "anon_inode:[pidfd]", let id = field("Pid:", descriptor) { return "process:[\(id)]" }
      return link
    }
  }

  static func isSocket(_ descriptor: Int32) -> Bool {
    var status = stat()
    return unsafe fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT == S_IFSOCK
  }

  /// readlink(2) of /proc/self/fd.
  private static func link(_ descriptor: Int32) -> String {
    var bytes = [UInt8](repeating: 0, count: 512)
    let count = unsafe readlink("/proc/self/fd/\(descriptor)", &bytes, bytes.count)
    return count > 0 ? String(decoding: bytes[..<count], as: UTF8.self) : "?"
  }

  /// A field of /proc/self/fdinfo (proc(5)): the number that the kernel gives an eventfd, the process of a pidfd.
  private static func field(_ name: String, _ descriptor: Int32) -> String? {
    let file = unsafe Glibc.open("/proc/self/fdinfo/\(descriptor)", O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return nil }
    defer { close(file) }
    var bytes = [UInt8](repeating: 0, count: 512)
    let count = unsafe Glibc.read(file, &bytes, bytes.count)
    for line in String(decoding: bytes.prefix(max(0, count)), as: UTF8.self).split(separator: "\n")
    where line.hasPrefix(name) {
      return String(line.dropFirst(name.count).drop { $0 == " " || $0 == "\t" })
    }
    return nil
  }

  /// Both ends of a connection have the same text.
  private static func socket(_ descriptor: Int32, _ inode: ino_t) -> String {
    let family = address(descriptor, ofPeer: false)?.family
    if family == AF_UNIX {
      let peer = ino_t(csystem_unix_peer(UInt32(truncatingIfNeeded: inode)))
      return peer == 0 ? "unix:[\(inode)]" : "unix:[\(min(inode, peer))-\(max(inode, peer))]"
    }
    guard let mine = address(descriptor, ofPeer: false) else { return "socket:[\(inode)]" }
    guard let theirs = address(descriptor, ofPeer: true) else { return "tcp:[\(mine.text)]" }
    let ends = [mine.text, theirs.text].sorted()
    return "tcp:[\(ends[0])-\(ends[1])]"
  }

  /// getsockname(2) or getpeername(2).
  private static func address(_ descriptor: Int32, ofPeer: Bool) -> (family: Int32, text: String)? {
    var storage = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    let result = unsafe withUnsafeMutablePointer(to: &storage) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe ofPeer ? getpeername(descriptor, $0, &length) : getsockname(descriptor, $0, &length)
      }
    }
    guard result == 0 else { return nil }
    return (Int32(storage.ss_family), Internet.Address(storage, length).text)
  }
}
