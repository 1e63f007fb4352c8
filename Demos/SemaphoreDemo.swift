import IPC

/// System V semaphores (semop(2)): counters that processes wait on.
///
/// What semaphores add: as a mutex, one process at a time is in a critical section; as a count, as many as there are
/// places; and with SEM_UNDO the kernel undoes the operations of a process that dies.
enum SemaphoreDemo: Demo {
  static let name = "semaphore"
  static let summary = "waiting on a counter: as a mutex, as a count, and with SEM_UNDO"

  private enum Index {
    static let mutex = 0, places = 1, begun = 2
  }
  private static let rounds = 30_000

  static func run() throws {
    let set = try SemaphoreSet.create([1, 3, 0])
    let memory = try SharedMemory.create(words: 2)
    // Marked for removal: the kernel removes it with the last process that has it attached.
    try memory.remove()
    say("parent", "semget(2) made set \(set.id): a mutex with the value 1, and a count of 3 places")

    for (word, how) in [(0, "without"), (1, "with")] {
      var spawn = Spawn(arguments: arguments("add-\(set.id)-\(memory.id)-\(word)"))
      spawn.inheritsOutput = true
      var child = try spawn.start()
      try set.wait(Index.begun)  // The child has attached the memory: both begin now.
      try add(set, memory, word)
      _ = try child.wait()
      say(
        "parent",
        "two processes added \(rounds) each \(how) the mutex: the sum is \(memory[word]) of \(2 * rounds)")
    }

    for _ in 0..<3 { try set.wait(Index.places) }
    say(
      "parent",
      "took all 3 places; a fourth is \(try set.tryWait(Index.places) ? "free" : "refused, since the count is 0")"
    )
    try set.post(Index.places)
    say("parent", "gives one back: the count is \(try set.value(Index.places))")

    var spawn = Spawn(arguments: arguments("die-\(set.id)"))
    spawn.inheritsOutput = true
    var child = try spawn.start()
    say(
      "parent",
      "the child ended while it held the mutex (\(try child.wait())); the kernel undid that, and its value is \(try set.value(Index.mutex))"
    )
    try set.remove()
  }

  /// Reads, adds and writes: between these steps the other process can write too.
  private static func add(_ set: borrowing SemaphoreSet, _ memory: borrowing SharedMemory, _ word: Int) throws
  {
    for _ in 0..<rounds {
      if word == 1 { try set.wait(Index.mutex, undo: true) }
      memory[word] = memory[word] + 1
      if word == 1 { try set.post(Index.mutex, undo: true) }
    }
  }

  static func other(_ role: String) throws {
    let parts = role.split(separator: "-").map { Int32($0) ?? -1 }
    let set = try SemaphoreSet.open(id: parts[1])
    if role.hasPrefix("add") {
      let memory = try SharedMemory.open(id: parts[2])
      try set.post(Index.begun)
      try add(set, memory, Int(parts[3]))
    } else {
      try set.wait(Index.mutex, undo: true)
      say(
        "  child",
        "holds the mutex (its value is \(try set.value(Index.mutex))), and ends without releasing it")
    }
  }
}
