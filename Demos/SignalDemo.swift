import Glibc
import IPC

/// Signals (signal(7)): the kernel interrupts a process with a number.
///
/// What realtime signals add: each is queued and carries an integer. Ordinary ones merge while they are blocked.
enum SignalDemo: Demo {
  static let name = "signal"
  static let summary = "realtime signals queue and carry an integer; ordinary ones merge"

  static func run() throws {
    // Blocked, so that they wait in the kernel until they are asked for: in this process, on this thread.
    var set = sigset_t()
    var before = sigset_t()
    unsafe sigemptyset(&set)
    unsafe sigaddset(&set, SIGUSR1)
    let realtime = __libc_current_sigrtmin() + 1
    unsafe sigaddset(&set, realtime)
    unsafe pthread_sigmask(SIG_BLOCK, &set, &before)
    defer { unsafe pthread_sigmask(SIG_SETMASK, &before, nil) }

    for _ in 0..<3 { kill(getpid(), SIGUSR1) }
    say("parent", "sent itself SIGUSR1 three times while it is blocked")
    say("parent", "sigtimedwait(2) takes it \(take(&set)) time: ordinary signals of one number merge")

    for number: Int32 in [7, 8, 9] {
      unsafe sigqueue(getpid(), realtime, sigval(sival_int: number))
    }
    say("parent", "queued the realtime signal SIGRTMIN+1 three times, with 7, 8 and 9 (sigqueue(3))")
    var numbers: [Int32] = []
    var info = unsafe siginfo_t()
    var now = timespec()
    while unsafe sigtimedwait(&set, &info, &now) == realtime {
      unsafe numbers.append(info._sifields._rt.si_sigval.sival_int)
    }
    say("parent", "sigtimedwait(2) takes \(numbers.count), in order: \(numbers)")

    // Between processes, as a channel of integers, with room for as many as the receiver admits.
    var channel = try Channel<Int32>(at: "signal:")
    var child = try ChildProcess.spawn(arguments: arguments("count")) {
      try $0.pass(&channel.sender, as: "numbers")
    }
    var sum: Int32 = 0
    while let number = try channel.receiver.next() { sum += number }
    say("parent", "process \(child.id) sent 1 to 100 as realtime signals: the sum is \(sum)")
    _ = try child.wait()
  }

  static func other(_ role: String) throws {
    var numbers = try Sender<Int32>(inherited: "numbers")
    for number: Int32 in 1...100 { try numbers.send(number) }
    try numbers.close()
  }

  /// How many signals of the set are pending; takes them.
  private static func take(_ set: inout sigset_t) -> Int {
    var count = 0
    var info = unsafe siginfo_t()
    var now = timespec()
    while unsafe sigtimedwait(&set, &info, &now) > 0 { count += 1 }
    return count
  }
}
