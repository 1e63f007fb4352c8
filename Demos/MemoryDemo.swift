import Glibc
import IPC

/// Shared memory (shmop(2)): two processes have the same bytes attached, and no system call copies them.
///
/// What shared memory lacks: nothing keeps a reader from seeing half of what a writer writes. Here two words should
/// always be equal, and the reader finds them different; with a version counter around them (a seqlock) it never does. And
/// nothing removes a segment when its processes die.
enum MemoryDemo: Demo {
  static let name = "memory"
  static let summary = "the same bytes in two processes: torn without a protocol, whole with one"

  private enum Word {
    static let left = 0, right = 8, version = 16, stop = 24, mode = 32, count = 40
  }
  private static let looks = 2_000_000

  static func run() throws {
    let memory = try SharedMemory.create(words: Word.count)
    // Marked for removal: the kernel removes it with the last process that has it attached.
    defer { try? memory.remove() }
    var child = try ChildProcess.spawn(arguments: arguments("\(memory.id)"))
    say(
      "reader",
      "shmget(2) made segment \(memory.id); process \(child.id) writes the same number into two words of it")
    // Spins until the writer has begun: there is nothing to sleep on.
    while memory[Word.left] == 0, try child.exitIfEnded() == nil {}

    let clock = ContinuousClock()
    var torn = 0
    var plain = 0
    let plainTime = try clock.measure {
      // Until it happens: the writer gives its CPU away between the two words every now and then.
      while plain < looks || torn == 0, try child.exitIfEnded() == nil {
        for _ in 0..<1000 where memory[Word.left] != memory[Word.right] { torn += 1 }
        plain += 1000
      }
    }
    say(
      "reader",
      "read the two words \(plain) times, \(nanoseconds(plainTime, plain)) each: they differed \(torn) times")

    memory[Word.mode] = 1
    torn = 0
    var whole = 0
    var again = 0
    let start = clock.now
    while whole < looks / 4 {
      if (whole + again) % 10_000 == 0, try child.exitIfEnded() != nil { break }
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
      "read them with a version counter: \(whole) valid reads, \(nanoseconds(clock.now - start, whole)) each, \(again) repeated, \(torn) differed"
    )
    memory[Word.stop] = 1
    _ = try child.wait()

    try leftBehind()

    // A channel over memory holds many messages, and sleeps in futex(2) instead of spinning.
    var channel = try Channel<[UInt8]>(over: .memory)
    try channel.sender.send(capacity: 64) { output in
      for byte in "written in place".utf8 { output.append(byte) }
    }
    let count = try channel.receiver.receive { bytes in bytes.count }
    say(
      "reader",
      "sends itself \(count) bytes over a channel: written in place, read in place, and not one system call")
  }

  /// A process makes a segment and is killed: the segment stays.
  private static func leftBehind() throws {
    var ids = try Channel<Int32>(over: .pipe)
    var child = try ChildProcess.spawn(arguments: arguments("leave")) { try $0.pass(&ids.sender, as: "id") }
    let id = try ids.receiver.receive()
    child.kill()
    let exit = try child.wait()
    let left = try SharedMemory.open(id: id)
    say(
      "reader", "process \(child.id) made segment \(id), wrote \(left[0]) into it, and was killed (\(exit))")
    say("reader", "the segment stays, with its content, until shmctl(2) with IPC_RMID: ipcs -m lists it")
    try left.remove()
    say("reader", "removed it")
  }

  private static func nanoseconds(_ duration: Duration, _ count: Int) -> String {
    "\(Int(duration / .nanoseconds(1)) / max(1, count)) ns"
  }

  static func other(_ id: String) throws {
    if id == "leave" {
      var ids = try Sender<Int32>(inherited: "id")
      let memory = try SharedMemory.create(words: 1)
      memory[0] = 42
      try ids.send(memory.id)
      while true { pause() }
    }
    let memory = try SharedMemory.open(id: Int32(id) ?? -1)
    var number: UInt64 = 0
    var version: UInt64 = 0
    while memory[Word.stop] == 0 {
      number += 1
      if memory[Word.mode] == 1 { version += 1; memory[Word.version] = version }
      memory[Word.left] = number
      // On a machine with one free CPU, the reader gets its turn here.
      if number % 50_000 == 0 { sched_yield() }
      memory[Word.right] = number
      if memory[Word.mode] == 1, version % 2 == 1 { version += 1; memory[Word.version] = version }
    }
    say("  writer", "wrote \(number) pairs")
  }
}
