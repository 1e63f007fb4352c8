import SystemCalls

/// The System V objects and the POSIX queue of one channel, as a registry entry or a transfer lists them: by ids, and by what
/// tells them from another program's objects that have the same ids by now.
///
/// The kernel numbers objects anew with each boot, and in each IPC namespace; a record that outlives either must never
/// lead to the objects of others. So every object of a channel is made with the channel's random key, and before an object is
/// joined or removed, the kernel's status of it (IPC_STAT) is compared with the record.
enum KernelObjects {
  /// The kinds that outlive their processes, in the order in which they are removed. Queue and sets last: their removal wakes
  /// processes, and may end this one.
  enum Kind: String, CaseIterable {
    case segment, set, mutexes, queue

    /// The record's key of the time at which the object was made.
    var madeKey: String { rawValue + "-made" }

    func status(_ id: Int32) throws(SystemError) -> SystemVObject {
      switch self {
      case .segment: try Segment.shmctl(status: id).object
      case .set, .mutexes: try Semaphores.semctl(status: id).object
      case .queue: try MessageQueues.msgctl(status: id).object
      }
    }

    func remove(_ id: Int32) throws(SystemError) {
      switch self {
      case .segment: try Segment.shmctl(remove: id)
      case .set, .mutexes: try Semaphores.semctl(remove: id)
      case .queue: try MessageQueues.msgctl(remove: id)
      }
    }

    /// The id of the object that has a key.
    func find(_ key: Int32) throws(SystemError) -> Int32 {
      switch self {
      case .segment: try Segment.shmget(key: key)
      case .set, .mutexes: try Semaphores.semget(key: key)
      case .queue: try MessageQueues.msgget(key: key)
      }
    }
  }

  /// The record's key of the System V key that the channel's objects were made with; 0: they have none.
  static let systemKey = "key"
  /// The record's key of the mechanism of a channel without a name; of one with a name, the file's name says it.
  static let mechanismName = "mechanism"
  /// The record's key of a POSIX queue's name, and of that of a FIFO in /tmp.
  static let queueName = "name", fifoName = "fifo"

  static func id(_ kind: Kind, _ ids: [String: String]) -> Int32? { ids[kind.rawValue].flatMap { Int32($0) } }
  static func key(_ ids: [String: String]) -> Int32? { ids[systemKey].flatMap { Int32($0) } }

  /// Whether a channel with these ids has objects that outlive its processes.
  static func outliveProcess(_ keys: some Sequence<String>) -> Bool {
    keys.contains { Kind(rawValue: $0) != nil || $0 == queueName }
  }

  /// The ids, and when each of the objects was made.
  static func stamped(_ ids: [String: String]) -> [String: String] {
    var stamped = ids
    for kind in Kind.allCases {
      if let id = id(kind, ids), let object = try? kind.status(id) {
        stamped[kind.madeKey] = String(object.changed)
      }
    }
    return stamped
  }

  /// Whether the object with a recorded id is the one that was recorded.
  private static func isRecorded(_ object: SystemVObject, _ kind: Kind, _ ids: [String: String]) -> Bool {
    guard object.owner == CurrentProcess.user else { return false }
    if let key = key(ids), key != object.key { return false }
    if let made = ids[kind.madeKey], made != String(object.changed) { return false }
    return true
  }

  /// Compares every recorded object with the kernel's before a process joins the channel.
  /// - Throws: `removed` if one is gone, or another has its id.
  static func check(_ ids: [String: String], _ mechanism: Mechanism, _ place: String) throws(ChannelError) {
    for kind in Kind.allCases {
      guard let id = id(kind, ids) else { continue }
      guard let object = try? kind.status(id), isRecorded(object, kind, ids) else {
        throw .removed(.open, mechanism, place)
      }
    }
  }

  /// Removes the objects that a record lists, where they are still those. A record without a key doesn't say which objects are
  /// the channel's: it removes none.
  static func remove(_ ids: [String: String]) {
    // A POSIX queue's name is random.
    if let name = ids[queueName] { try? POSIXQueues.mqUnlink(name) }
    if let name = ids[fifoName] { FIFOMechanism.TemporaryFIFO.remove(name) }
    for (kind, id) in found(ids) { try? kind.remove(id) }
  }

  /// The System V objects that a record lists, where they are still those.
  static func found(_ ids: [String: String]) -> [(kind: Kind, id: Int32)] {
    guard let key = key(ids), key != 0 else { return [] }
    let isRecordedWhole = Kind.allCases.contains { id($0, ids) != nil }
    return Kind.allCases.compactMap { kind in
      // By its key where its maker died before it had recorded the ids. A queue's mutexes are the set with its key.
      let id = isRecordedWhole || kind == .mutexes ? id(kind, ids) : try? kind.find(key)
      guard let id, let object = try? kind.status(id), isRecorded(object, kind, ids) else { return nil }
      return (kind, id)
    }
  }

  /// Whether no process has the segment attached that each endpoint of such a channel attaches for as long as it is open.
  static func areUnused(_ ids: [String: String]) -> Bool {
    guard let key = key(ids), key != 0 else { return true }
    guard let id = id(.segment, ids) ?? (try? Kind.segment.find(key)),
      let status = try? Segment.shmctl(status: id), isRecorded(status.object, .segment, ids)
    else { return true }
    return status.attached == 0
  }
}

extension ChannelError {
  /// A channel's kernel objects were removed under it.
  static func removed(_ operation: Operation, _ mechanism: Mechanism, _ place: String = "") -> ChannelError {
    ChannelError(
      .removed, operation, mechanism,
      "\(place.isEmpty ? "this channel" : place): its kernel objects were removed (ipcrm, ipc clean): close the channel in every process, and open it again"
    )
  }
}
