import IPC

/// Shared memory (shmop(2)): two processes have the same bytes attached, and no system call copies them.
///
/// What shared memory lacks: nothing keeps a reader from seeing half of what a writer writes. Here two words should
/// always be equal, and the reader finds them different; with a version counter around them (a seqlock) it never does.
enum MemoryDemo: Demo {
  static let name = "memory"
  static let summary = "the same bytes in two processes: torn without a protocol, whole with one"

  private enum Word {
    static let left = 0, right = 8, version = 16, stop = 24, mode = 32, count = 40
  }
  private static let looks = 2_000_000

  static func run() throws {
    let memory = try SharedMemory.create(words: Word.count)
    var spawn = Spawn(arguments: arguments("\(memory.id)"))
    spawn.inheritsOutput = true
    var child = try spawn.start()
    say(
      "reader",
      "shmget(2) made segment \(memory.id); process \(child.id) writes the same number into two words of it")
    while memory[Word.left] == 0 {}  // Spins until the writer has begun: there is nothing to sleep on.

    var torn = 0
    for _ in 0..<looks where memory[Word.left] != memory[Word.right] { torn += 1 }
    say("reader", "read the two words \(looks) times: they differed \(torn) times")

    memory[Word.mode] = 1
    torn = 0
    var whole = 0
    var again = 0
    while whole < looks / 4 {
      let before = memory[Word.version]
      let (left, right) = (memory[Word.left], memory[Word.right])
      // Odd: the writer is writing now. Changed: it wrote between the two reads.
      guard before > 0, before % 2 == 0, memory[Word.version] == before else {
        again += 1
        continue
      }
      whole += 1
      if left != right { torn += 1 }
    }
    say(
      "reader",
      "read them with a version counter: \(whole) valid reads, \(again) repeated, \(torn) differed")
    memory[Word.stop] = 1
    _ = try child.wait()
    try memory.remove()

    // A channel over memory holds many messages, and sleeps in futex(2) instead of spinning.
    var channel = try ByteChannel(over: .memory)
    try channel.sender.send(capacity: 64) { output in
      for byte in "written in place".utf8 { output.append(byte) }
    }
    let count = try channel.receiver.receive { bytes in bytes.count }
    say("reader", "sends itself \(count) bytes over a channel: written in place, and read in place")
  }

  static func other(_ id: String) throws {
    let memory = try SharedMemory.open(id: Int32(id) ?? -1)
    var number: UInt64 = 0
    var version: UInt64 = 0
    while memory[Word.stop] == 0 {
      number += 1
      if memory[Word.mode] == 1 { version += 1; memory[Word.version] = version }
      memory[Word.left] = number
      memory[Word.right] = number
      if memory[Word.mode] == 1, version % 2 == 1 { version += 1; memory[Word.version] = version }
    }
    say("  writer", "wrote \(number) pairs")
  }
}
