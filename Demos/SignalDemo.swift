import Glibc
import IPC

/// Signals (signal(7)): the kernel interrupts a process with a number.
///
/// What realtime signals add: each is queued and carries an integer. Ordinary ones merge while they are blocked.
enum SignalDemo: Demo {
  static let name = "signal"
  static let summary = "realtime signals queue and carry an integer; ordinary ones merge"

  private static let realtime = __libc_current_sigrtmin() + 1
  private static let limit = Duration.seconds(10)

  static func run() throws {
    try sendToBlocked()

    // As a channel of integers, with room for as many as the receiver admits.
    var channel = try Channel<Int32>(at: "signal:")
    var child = try ChildProcess.spawn(arguments: arguments("count")) {
      try $0.pass(&channel.sender, as: "numbers")
    }
    var sum: Int32 = 0
    while let number = try channel.receiver.next() { sum += number }
    say("parent", "a channel: process \(child.id) sent 1 to 100 as realtime signals; the sum is \(sum)")
    _ = try child.wait()
  }

  static func other(_ role: String) throws {
    if role == "block" { return try takeBlocked() }
    var numbers = try Sender<Int32>(inherited: "numbers")
    for number: Int32 in 1...100 { try numbers.send(number) }
    try numbers.close()
  }

  /// Sends signals to a process that has them blocked, and lets it look when all are sent.
  private static func sendToBlocked() throws {
    var blocked = try Channel<Int32>(over: .pipe)
    var sent = try Channel<Int32>(over: .pipe)
    var child = try ChildProcess.spawn(arguments: arguments("block")) {
      try $0.pass(&blocked.sender, as: "blocked")
      try $0.pass(&sent.receiver, as: "sent")
    }
    _ = try blocked.receiver.receive(within: limit)
    for _ in 1...3 { kill(child.id, SIGUSR1) }
    say("parent", "kill(2) sent SIGUSR1 to process \(child.id) three times")
    for number: Int32 in [7, 8, 9] { unsafe sigqueue(child.id, realtime, sigval(sival_int: number)) }
    say("parent", "sigqueue(3) sent SIGRTMIN+1 to it three times, with 7, 8 and 9")
    try sent.sender.close()
    if try child.wait(within: limit) == nil { child.kill() }
  }

  private static func takeBlocked() throws {
    // Before this process has a second thread: each thread that is made later has them blocked too.
    var ordinary = sigset_t()
    var queued = sigset_t()
    unsafe sigemptyset(&ordinary)
    unsafe sigaddset(&ordinary, SIGUSR1)
    unsafe sigemptyset(&queued)
    unsafe sigaddset(&queued, realtime)
    unsafe pthread_sigmask(SIG_BLOCK, &ordinary, nil)
    unsafe pthread_sigmask(SIG_BLOCK, &queued, nil)

    var blocked = try Sender<Int32>(inherited: "blocked")
    var sent = try Receiver<Int32>(inherited: "sent")
    say(
      "  child",
      "pthread_sigmask(3) blocks SIGUSR1 and SIGRTMIN+1: the kernel keeps them until they are asked for")
    try blocked.send(getpid())
    while try sent.next() != nil {}

    let merged = take(&ordinary).count
    say(
      "  child",
      "sigtimedwait(2) takes SIGUSR1 \(merged == 1 ? "once" : "\(merged) times"): ordinary signals of one number merge"
    )
    let numbers = take(&queued)
    say("  child", "sigtimedwait(2) takes SIGRTMIN+1 \(numbers.count) times, in order: \(numbers)")
  }

  /// Takes the signals of a set that are pending, without waiting: the integer that each carries.
  private static func take(_ set: inout sigset_t) -> [Int32] {
    var numbers: [Int32] = []
    var info = unsafe siginfo_t()
    var now = timespec()
    while unsafe sigtimedwait(&set, &info, &now) > 0 {
      unsafe numbers.append(info._sifields._rt.si_sigval.sival_int)
    }
    return numbers
  }
}
