import IPC

/// System V semaphores: counters that processes wait on. Their own traits: as a mutex, only one process at a time
/// is inside; as a count, as many are as there are places; and with SEM_UNDO the kernel gives back what a process
/// that died had taken.
enum SemaphoreDemo: Demo {
  static let name = "semaphore"
  static let summary = "waiting on a counter: as a mutex, as a count, and with undo"

  private enum Index {
    static let mutex = 0, places = 1, begun = 2
  }
  private static let rounds = 30_000

  static func run() throws {
    let set = try SemaphoreSet.create([1, 3, 0])
    let memory = try SharedMemory.create(words: 2)
    // Goes with the last process that has it.
    try memory.remove()
    say("parent", "semget(2) made set \(set.id): a mutex at 1, and 3 places")

    for (word, how) in [(0, "without"), (1, "with")] {
      var spawn = Spawn(arguments: arguments("add-\(set.id)-\(memory.id)-\(word)"))
      spawn.inheritsOutput = true
      var child = try spawn.start()
      try set.wait(Index.begun)  // The child is there: both begin now.
      try add(set, memory, word)
      _ = try child.wait()
      say(
        "parent",
        "two processes added \(rounds) each \(how) the mutex: \(memory[word]) of \(2 * rounds) were counted")
    }

    for _ in 0..<3 { try set.wait(Index.places) }
    say(
      "parent",
      "took all 3 places; a fourth is \(try set.tryWait(Index.places) ? "free" : "refused: the count is 0")")
    try set.post(Index.places)
    say("parent", "gave one back: the count is \(try set.value(Index.places))")

    var spawn = Spawn(arguments: arguments("die-\(set.id)"))
    spawn.inheritsOutput = true
    var child = try spawn.start()
    say(
      "parent",
      "the child took the mutex and died in it (\(try child.wait())); with SEM_UNDO the mutex is \(try set.value(Index.mutex)) again"
    )
    try set.remove()
  }

  /// Reads, adds, writes: three steps that another process can come between.
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
      say("  child", "has the mutex (now \(try set.value(Index.mutex))), and ends without giving it back")
    }
  }
}
