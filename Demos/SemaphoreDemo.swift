import Glibc
import IPC

/// System V semaphores (semop(2)): counters that processes wait on.
///
/// What semaphores add: as a mutex, one process at a time is in a critical section; as a count, as many as there are
/// places; several operations in one call happen together or not at all; and with SEM_UNDO the kernel undoes the
/// operations of a process that dies.
enum SemaphoreDemo: Demo {
  static let name = "semaphore"
  static let summary = "waiting on a counter: as a mutex, as a count, several at once, and with SEM_UNDO"

  private static let limit = Duration.seconds(10)

  /// The counters of the set.
  private enum Index {
    static let mutex = 0, other = 1, places = 2
    /// What the two processes tell each other: that a child is ready, and that it may go on.
    static let ready = 3, go = 4
    static let values: [UInt16] = [1, 1, 3, 0, 0]
  }

  static func run() throws {
    let set = try SemaphoreSet.create(Index.values)
    let id = set.id
    // Without this it would stay until the next reboot.
    try cleaningUp({ _ = try? SemaphoreSet.open(id: id).remove() }) {
      say("parent", "semget(2) made set \(id): two mutexes with the value 1, and a count of 3 places")
      try count(set)
      try takePlaces(set)
      try takeSeveral(set)
      try deadlock(set)
      try killHolder(set)
    }
    say("parent", "semctl(2), IPC_RMID, removed set \(id)")
  }

  static func other(_ role: String) throws {
    let parts = role.split(separator: "-")
    guard parts.count >= 2, let id = Int32(parts[1]) else { return }
    do {
      let set = try SemaphoreSet.open(id: id)
      switch parts[0] {
      case "add":
        guard parts.count == 3, let memory = Int32(parts[2]) else { return }
        try addRounds(set, try SharedMemory.open(id: memory))
      case "deadlock": try takeInOtherOrder(set)
      default: try holdUntilKilled(set)
      }
    } catch let error as ChannelError where error.errno == EIDRM || error.errno == EINVAL {
      // The parent was interrupted, and has removed the set.
    }
  }

  // MARK: The lost update

  private static let additions = 1000

  /// The words of the memory that both processes have: the sum, whether the mutex is used, and whether this is the end.
  private enum Word {
    static let sum = 0, usesMutex = 1, ends = 2
    static let count = 3
  }

  private static func count(_ set: borrowing SemaphoreSet) throws {
    let memory = try uninterrupted {
      let memory = try SharedMemory.create(words: Word.count)
      // Marked for removal: the kernel removes it with the last process that has it attached.
      try memory.remove()
      return memory
    }
    var child = try ChildProcess.spawn(arguments: arguments("add-\(set.id)-\(memory.id)"))
    try set.wait(Index.ready, within: limit)
    let what = "two processes added 1 in shared memory, \(additions) times each"
    let start = ContinuousClock.now
    var sum = 0
    // Whether an update is lost is up to the scheduler: again until one is.
    repeat {
      sum = try addTogether(set, memory)
    } while sum == 2 * additions && ContinuousClock.now - start < limit * 3
    say("parent", "\(what), without the mutex: \(sum) of \(2 * additions) were counted")

    memory[Word.usesMutex] = 1
    sum = try addTogether(set, memory)
    say("parent", "\(what), with the mutex: \(sum) of \(2 * additions) were counted")

    memory[Word.ends] = 1
    try set.post(Index.go)
    _ = try end(&child)
  }

  /// This process and the child, at the same time.
  private static func addTogether(
    _ set: borrowing SemaphoreSet, _ memory: borrowing SharedMemory
  ) throws -> Int {
    memory[Word.sum] = 0
    try set.post(Index.go)
    try add(set, memory)
    try set.wait(Index.ready, within: limit)
    return Int(memory[Word.sum])
  }

  private static func add(_ set: borrowing SemaphoreSet, _ memory: borrowing SharedMemory) throws {
    let usesMutex = memory[Word.usesMutex] == 1
    for _ in 0..<additions {
      if usesMutex { try set.wait(Index.mutex, undo: true, within: limit) }
      let sum = memory[Word.sum]
      sched_yield()  // The other process runs now, and what it writes is lost.
      memory[Word.sum] = sum + 1
      if usesMutex { try set.post(Index.mutex, undo: true) }
    }
  }

  private static func addRounds(_ set: borrowing SemaphoreSet, _ memory: borrowing SharedMemory) throws {
    while true {
      try set.post(Index.ready)
      try set.wait(Index.go)
      if memory[Word.ends] == 1 { return }
      try add(set, memory)
    }
  }

  // MARK: A count of places

  private static func takePlaces(_ set: borrowing SemaphoreSet) throws {
    for _ in 0..<3 { try set.wait(Index.places) }
    say("parent", "semop(2), -1, three times: all 3 places are taken")
    say(
      "parent",
      "semop(2), -1, IPC_NOWAIT: \(operate(set, [(Index.places, -1)])): the count is \(try set.value(Index.places))"
    )
    for _ in 0..<3 { try set.post(Index.places) }
    say("parent", "semop(2), +1, three times: the count is \(try set.value(Index.places))")
  }

  // MARK: Several operations in one call

  private static func takeSeveral(_ set: borrowing SemaphoreSet) throws {
    let both = [(Index.mutex, -1), (Index.other, -1)]
    try set.wait(Index.other)
    say(
      "parent",
      "mutex \(Index.other) is taken; one semop(2) takes \(Index.mutex) and \(Index.other): \(operate(set, both))"
    )
    say("parent", "all or none: mutex \(Index.mutex) is still free (\(try set.value(Index.mutex)))")
    try set.post(Index.other)
    say("parent", "mutex \(Index.other) is free again; the same semop(2): \(operate(set, both))")
    _ = operate(set, both.map { ($0.0, 1) })
  }

  // MARK: A deadlock

  private static func deadlock(_ set: borrowing SemaphoreSet) throws {
    try set.wait(Index.mutex, undo: true)
    say("parent", "takes mutex \(Index.mutex), and then mutex \(Index.other)")
    var child = try ChildProcess.spawn(arguments: arguments("deadlock-\(set.id)"))
    try set.wait(Index.ready, within: limit)
    do {
      try set.wait(Index.other, undo: true, within: .milliseconds(100))
      throw Unexpected("the child ended early")
    } catch let error as ChannelError where error.code == .timedOut {
      say("parent", "a deadlock: semtimedop(2) of 100 ms for mutex \(Index.other): \(error.message)")
    }
    say("parent", "gives mutex \(Index.mutex) back")
    try set.post(Index.mutex, undo: true)
    _ = try end(&child)
    say("parent", "one semop(2) for both, or the same order in both processes, would not deadlock")
  }

  private static func takeInOtherOrder(_ set: borrowing SemaphoreSet) throws {
    try set.wait(Index.other, undo: true)
    say("  child", "takes mutex \(Index.other), and then mutex \(Index.mutex)")
    try set.post(Index.ready)
    try set.wait(Index.mutex, undo: true, within: limit)
    say("  child", "has both mutexes, and gives them back")
    try set.post(Index.mutex, undo: true)
    try set.post(Index.other, undo: true)
  }

  // MARK: Undo

  private static func killHolder(_ set: borrowing SemaphoreSet) throws {
    var child = try ChildProcess.spawn(arguments: arguments("hold-\(set.id)"))
    try set.wait(Index.ready, within: limit)
    say(
      "parent",
      "the mutex is \(try set.value(Index.mutex)), the count \(try set.value(Index.places)); kill(2) of process \(child.id)"
    )
    child.kill()
    let exit = try end(&child)
    say(
      "parent",
      "it ended with \(exit): the mutex is \(try set.value(Index.mutex)) again, since the kernel undid its semop(2)"
    )
    say("parent", "the count is \(try set.value(Index.places)): without SEM_UNDO its place stays taken")
  }

  private static func holdUntilKilled(_ set: borrowing SemaphoreSet) throws {
    try set.wait(Index.mutex, undo: true)
    try set.wait(Index.places)
    say("  child", "takes the mutex with SEM_UNDO, and a place without")
    try set.post(Index.ready)
    sleep(60)
  }

  // MARK: Below the library

  private struct Unexpected: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
  }

  /// One semop(2) of several operations, with IPC_NOWAIT.
  private static func operate(_ set: borrowing SemaphoreSet, _ operations: [(index: Int, change: Int)])
    -> String
  {
    var list = operations.map {
      sembuf(sem_num: UInt16($0.index), sem_op: Int16($0.change), sem_flg: Int16(IPC_NOWAIT))
    }
    let result = unsafe semop(set.id, &list, list.count)
    if result == 0 { return "done" }
    return errno == EAGAIN ? "EAGAIN (\(errorText()))" : errorText()
  }

  /// Waits for a child's end; one that doesn't end is killed.
  private static func end(_ child: inout ChildProcess) throws -> ChildProcess.Exit {
    if let exit = try child.wait(within: limit) { return exit }
    child.kill()
    return try child.wait()
  }
}
