import Glibc
import IPC

/// A POSIX semaphore (sem_overview(7)): one counter in memory that processes share.
///
/// What it adds to a System V semaphore: posting and waiting make no system call while no process has to sleep. What it lacks
/// is SEM_UNDO: when a process dies while it holds the semaphore, the value stays as it is.
enum POSIXSemaphoreDemo: Demo {
  static let name = "posix-semaphore"
  static let summary = "a counter in shared memory, without a system call while no process sleeps"

  private static let pageBytes = 4096

  static func run() throws {
    var attached: UnsafeMutablePointer<sem_t>?
    let id = uninterrupted {
      let id = shmget(IPC_PRIVATE, pageBytes, 0o600)
      unsafe attached = attach(id)
      // Marked for removal: the kernel removes it with the last process that has it attached, and Linux lets the children
      // attach it until then.
      _ = shmctl(id, IPC_RMID, nil)
      return id
    }
    guard let semaphore = unsafe attached else { return say("parent", "no shared memory") }
    unsafe sem_init(semaphore, 1, 0)
    say(
      "parent", "sem_init(3) made a semaphore with the value 0 in segment \(id), which both processes attach")

    var posted = try ChildProcess.spawn(arguments: arguments("post-\(id)"))
    let taken = (0..<3).count { _ in unsafe wait(semaphore, milliseconds: 10_000) }
    _ = try posted.wait()
    say(
      "parent",
      "sem_timedwait(3) returned \(taken) times, once for each sem_post(3); a sem_wait(3) has no time limit")
    say(
      "parent",
      "sem_trywait(3) \(unsafe sem_trywait(semaphore) == 0 ? "took one more" : "fails with EAGAIN: the value is 0")"
    )

    say(
      "parent",
      "sem_timedwait(3) \(unsafe wait(semaphore, milliseconds: 20) ? "took one" : "fails after 20 ms: ETIMEDOUT")"
    )

    unsafe sem_post(semaphore)
    var dying = try ChildProcess.spawn(arguments: arguments("die-\(id)"))
    let exit = try dying.wait()
    var value: Int32 = -1
    unsafe sem_getvalue(semaphore, &value)
    say(
      "parent",
      "sem_post(3), and the child that took it is dead (\(exit)): sem_getvalue(3) gives \(value), and stays so; SEM_UNDO of semop(2) would make it 1"
    )
    unsafe sem_destroy(semaphore)

    var channel = try Channel<Token>(at: "posix-semaphore:")
    try channel.sender.send(Token())
    _ = try channel.receiver.receive()
    say(
      "parent", "a channel over it sent a token and received it; a channel does report that its peer has died"
    )
  }

  static func other(_ role: String) throws {
    let parts = role.split(separator: "-")
    guard let id = Int32(parts[1]), let semaphore = unsafe attach(id) else { return }
    if parts[0] == "post" {
      for number in 1...3 {
        say("  child", "sem_post(3), number \(number)")
        unsafe sem_post(semaphore)
      }
    } else {
      unsafe sem_wait(semaphore)
      say("  child", "sem_wait(3) took the semaphore; kill(2) of itself with SIGKILL")
      kill(getpid(), SIGKILL)
    }
  }

  /// sem_timedwait(3), whose deadline moves with the wall clock: a channel waits in sem_clockwait(3), which Swift's Glibc
  /// doesn't have. Returns false if the time passes.
  private static func wait(_ semaphore: UnsafeMutablePointer<sem_t>, milliseconds: Int) -> Bool {
    var deadline = timespec()
    unsafe clock_gettime(CLOCK_REALTIME, &deadline)
    let nanoseconds = deadline.tv_nsec + milliseconds * 1_000_000
    deadline.tv_sec += nanoseconds / 1_000_000_000
    deadline.tv_nsec = nanoseconds % 1_000_000_000
    return unsafe sem_timedwait(semaphore, &deadline) == 0
  }

  /// The semaphore at the start of a segment: shmat(2).
  private static func attach(_ id: Int32) -> UnsafeMutablePointer<sem_t>? {
    let memory = unsafe shmat(id, nil, 0)
    guard let memory = unsafe memory, UInt(bitPattern: memory) != UInt.max else { return nil }
    return unsafe memory.assumingMemoryBound(to: sem_t.self)
  }
}
