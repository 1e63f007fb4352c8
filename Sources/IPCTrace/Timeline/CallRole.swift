/// What a call does with what it works on, as far as others that sleep on it are concerned.
struct CallRole: OptionSet {
  let rawValue: UInt16
  /// It takes what others have put there.
  static let reads = CallRole(rawValue: 1 << 0)
  /// It takes bytes of a descriptor, where 0 bytes are the end of file.
  static let readsStream = CallRole(rawValue: 1 << 1)
  static let writes = CallRole(rawValue: 1 << 2)
  /// It waits until others have written, or read.
  static let polls = CallRole(rawValue: 1 << 3)
  /// It waits for any of the descriptors that its process has told epoll(7).
  static let pollsMany = CallRole(rawValue: 1 << 4)
  /// It may end what others wait for.
  static let closes = CallRole(rawValue: 1 << 5)
  /// It waits for a word of memory.
  static let waitsForWord = CallRole(rawValue: 1 << 6)
  static let wakesWord = CallRole(rawValue: 1 << 7)
  /// semop(2): its steps say what it does.
  static let operates = CallRole(rawValue: 1 << 8)

  init(rawValue: UInt16) { self.rawValue = rawValue }

  init(_ call: TraceEvent.Call) {
    self =
      switch call.name {
      case "read", "preadv2", "recv", "recvmsg": [.reads, .readsStream]
      case "msgrcv", "mq_timedreceive", "accept4": .reads
      case "write", "writev", "pwritev2", "send", "sendmsg", "msgsnd", "mq_timedsend": .writes
      case "ppoll": .polls
      case "epoll_wait": .pollsMany
      case "close", "shutdown", "semctl", "msgctl": .closes
      case "semtimedop": .operates
      default:
        if case .word(_, let operation) = call.subject {
          operation == 0 ? .waitsForWord : .wakesWord
        } else {
          []
        }
      }
  }
}

/// One step of a semop(2), as a trace packs it.
struct SemaphoreStep {
  let semaphore: Int
  let change: Int

  /// `[1]+1`; a step of 0 waits until the semaphore is 0.
  var text: String { "[\(semaphore)]" + (change > 0 ? "+\(change)" : "\(change)") }

  /// Their number in the lowest three bits; behind it, for each, 4 bits of the semaphore and 8 of the change.
  static func unpacked(_ bits: UInt64) -> [SemaphoreStep] {
    (0..<min(Int(bits & 7), 5)).map { index in
      let step = bits >> UInt64(3 + 12 * index)
      return SemaphoreStep(
        semaphore: Int(step & 15), change: Int(Int8(truncatingIfNeeded: step >> 4 & 255)))
    }
  }
}
