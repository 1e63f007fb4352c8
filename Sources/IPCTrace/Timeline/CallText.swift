import Glibc
import SystemCalls

/// System calls in words.
enum CallText {
  /// "writev(4, 21 bytes)", "msgsnd(3, type 2, 21 bytes)", "semtimedop(7, [0]-1 [1]+1)".
  /// - Parameter object: what the call works on, where no channel says it.
  static func title(_ call: TraceEvent.Call, _ object: String? = nil) -> String {
    var words: [String] = []
    switch call.subject {
    case .none: break
    case .descriptor(let number):
      // What every event loop waits in says nothing.
      words.append(object.map { $0.contains("eventpoll") ? "\(number)" : "\(number) \($0)" } ?? "\(number)")
    case .queue(let id): words.append("\(id)")
    case .semaphores(let id): words.append("\(id)")
    case .segment(let id): words.append("\(id)")
    case .process(let id): words.append("\(id)")
    case .word(_, let operation):
      if call.name == "futex" { words.append(operation == 0 ? "wait" : "wake") }
    }
    switch call.name {
    case "msgsnd", "msgrcv": if call.detail != 0 { words.append("type \(Int64(bitPattern: call.detail))") }
    case "semtimedop": words.append(SemaphoreStep.unpacked(call.detail).map(\.text).joined(separator: " "))
    case "epoll_ctl":
      if let operation = EpollOperation(rawValue: call.detail) { words.append("\(operation)") }
    case "ppoll": if call.detail > 1 { words.append("and \(call.detail - 1) more") }
    default: break
    }
    if call.bytes > 0 { words.append(bytes(call.bytes)) }
    return "\(call.name)(\(words.filter { !$0.isEmpty }.joined(separator: ", ")))"
  }

  /// The operations of epoll_ctl(2), as `EPOLL_CTL_ADD` and its like number them.
  enum EpollOperation: UInt64 { case add = 1, remove, change }

  static func bytes(_ count: Int) -> String { count == 1 ? "1 byte" : "\(count) bytes" }

  /// "= 21", "= 0: end of file", "EAGAIN".
  static func result(_ call: TraceEvent.Call, _ result: Int64, _ errno: Int32) -> String {
    if result == -1 || errno != 0 {
      let name = errorNames[errno] ?? "errno \(errno)"
      return errno == EAGAIN || errno == ENOMSG ? name : "\(name): \(SystemError.text(errno))"
    }
    if result == 0, readers.contains(call.name), call.bytes > 0 { return "= 0: end of file" }
    switch call.name {
    case "futex", "close", "semtimedop", "msgsnd", "sem_post", "epoll_ctl", "shutdown":
      return result == 0 ? "" : "= \(result)"
    case "ppoll", "epoll_wait": return result == 0 ? "= 0: time is up" : "= \(result)"
    // An address.
    case "mmap", "shmat", "opendir": return ""
    default: return "= \(result)"
    }
  }

  private static let readers: Set<String> = ["read", "preadv2", "recvmsg"]

  private static let errorNames: [Int32: String] = [
    EAGAIN: "EAGAIN", EPIPE: "EPIPE", EINTR: "EINTR", ENOENT: "ENOENT", ENXIO: "ENXIO", ENOMSG: "ENOMSG",
    EIDRM: "EIDRM", EINVAL: "EINVAL", EBADF: "EBADF", ECONNREFUSED: "ECONNREFUSED", ECONNRESET: "ECONNRESET",
    EINPROGRESS: "EINPROGRESS", ETIMEDOUT: "ETIMEDOUT", EEXIST: "EEXIST", EACCES: "EACCES", EPERM: "EPERM",
    ENOSPC: "ENOSPC", EMFILE: "EMFILE", ENFILE: "ENFILE", ESRCH: "ESRCH", ECHILD: "ECHILD", E2BIG: "E2BIG",
    EPROTOTYPE: "EPROTOTYPE", ENOTCONN: "ENOTCONN", EADDRINUSE: "EADDRINUSE", ERANGE: "ERANGE",
    EFBIG: "EFBIG",
    ENOMEM: "ENOMEM", EOVERFLOW: "EOVERFLOW", EOPNOTSUPP: "EOPNOTSUPP",
  ]
}
