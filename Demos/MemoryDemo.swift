import FoundationEssentials
import Glibc
import IPC

/// Shared memory (shmop(2)): two processes have the same bytes attached, and no system call copies them.
///
/// What shared memory lacks: nothing keeps a reader from seeing half of what a writer writes. Here two words should
/// always be equal, and the reader finds them different; with a version counter around them (a seqlock) it never does. And
/// nothing removes a segment when its processes die.
enum MemoryDemo: Demo {
  static let name = "memory"
  static let summary =
    "the same bytes in two processes: torn without a protocol, whole with one; still there after a kill"

  private enum Word {
    static let left = 0, right = 8, version = 16, stop = 24, mode = 32, count = 40
  }
  private static let looks = 2_000_000

  static func run() throws {
    let memory = try uninterrupted {
      let memory = try SharedMemory.create(words: Word.count)
      // Marked for removal: the kernel removes it with the last process that has it attached.
      // Linux lets the child attach it until then.
      try memory.remove()
      return memory
    }
    var child = try ChildProcess.spawn(arguments: arguments("\(memory.id)"))
    say(
      "reader",
      "shmget(2) made segment \(memory.id); process \(child.id) writes each number into two words of it")
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
      "without a protocol: read both \(plain) times, \(nanoseconds(plainTime, plain)) each: they differed \(torn) times"
    )

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
      "with a version counter (a seqlock): read both \(whole) times, \(nanoseconds(clock.now - start, whole)) each: they differed \(torn) times"
    )
    say(
      "reader",
      "\(again) more reads met a write, which the counter shows, and were repeated: that is the cost")
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
      "a channel: sent itself \(count) bytes, written in place and read in place, without a system call")
  }

  /// A process makes a segment and is killed: the segment stays.
  private static func leftBehind() throws {
    var ids = try Channel<Int32>(over: .pipe)
    var child = try ChildProcess.spawn(arguments: arguments("leave")) { try $0.pass(&ids.sender, as: "id") }
    let id = try ids.receiver.receive()
    child.kill()
    let exit = try child.wait()
    // Removed whatever happens, also by Ctrl-C.
    try cleaningUp({ _ = shmctl(id, IPC_RMID, nil) }) {
      say("reader", "process \(child.id) made segment \(id), wrote a number into it, and is dead (\(exit))")
      let left = try SharedMemory.open(id: id)
      say("reader", "the segment stays: \(listing(id)), and the number in it is still \(left[0])")
    }
    say("reader", "shmctl(2), IPC_RMID: \(listing(id))")
  }

  /// Whether the kernel lists a segment, as ipcs(1) reads it. The second number of a line is the segment's id.
  private static func listing(_ id: Int32) -> String {
    guard let table = try? String(contentsOfFile: "/proc/sysvipc/shm", encoding: .utf8) else {
      return "ipcs -m can't tell, without /proc/sysvipc/shm"
    }
    let isListed = table.split(separator: "\n").contains { line in
      line.split(separator: " ").dropFirst().first == "\(id)"
    }
    return "ipcs -m \(isListed ? "lists" : "doesn't list") segment \(id)"
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
