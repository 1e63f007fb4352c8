import Glibc
import IPC

/// An eventfd (eventfd(2)): a counter behind a descriptor.
///
/// What an eventfd adds: poll(2) sees it, so that a process can wait for a notification and for its sockets at once.
enum EventfdDemo: Demo {
  static let name = "eventfd"
  static let summary = "a counter that poll(2) can wait for, added up or one by one"

  // The flags of eventfd(2), which glibc declares as an enumeration.
  private static let semaphoreFlag: Int32 = 1, nonblockingFlag: Int32 = 0o4000

  private static let eventfd = libc("eventfd", as: (@convention(c) (UInt32, Int32) -> Int32).self)

  static func run() throws {
    let sum = eventfd(0, nonblockingFlag)
    let single = eventfd(0, nonblockingFlag | semaphoreFlag)
    defer { for descriptor in [sum, single] { close(descriptor) } }
    say("parent", "eventfd(2) made two counters: one plain, one with EFD_SEMAPHORE")
    say("parent", "poll(2): \(isReadable(sum) ? "readable" : "not readable, since the count is 0")")

    for descriptor in [sum, single] {
      for amount in [1, 1, 3] { add(UInt64(amount), descriptor) }
    }
    say(
      "parent", "write(2) added 1, 1 and 3 to each; poll(2): \(isReadable(sum) ? "readable" : "not readable")"
    )
    say("parent", "plain: one read(2) takes them all, and returns their sum, \(read(sum) ?? 0)")
    let again = read(sum)
    say(
      "parent",
      "plain: the next read(2) \(again == nil && errno == EAGAIN ? "fails with EAGAIN" : "succeeds")")
    var reads = 0
    while read(single) == 1 { reads += 1 }
    say("parent", "EFD_SEMAPHORE: each read(2) takes 1, so \(reads) of them empty it")

    // Between processes, as a channel of tokens: two eventfds, one for what was sent and one for what is free.
    var channel = try Channel<Token>(at: "eventfd:")
    var child = try ChildProcess.spawn(arguments: arguments("notify")) {
      try $0.pass(&channel.sender, as: "events")
    }
    var count = 0
    while try channel.receiver.next() != nil { count += 1 }
    say(
      "parent",
      "a channel: got \(count) tokens from process \(child.id), and then the end, since it has closed")
    _ = try child.wait()
  }

  static func other(_ role: String) throws {
    var events = try Sender<Token>(inherited: "events")
    for _ in 0..<4 { try events.send(Token()) }
    say("  child", "sent 4 tokens, each a write(2) of the number 1")
    try events.close()
  }

  private static func read(_ descriptor: Int32) -> UInt64? {
    var value: UInt64 = 0
    return unsafe Glibc.read(descriptor, &value, 8) == 8 ? value : nil
  }

  private static func add(_ amount: UInt64, _ descriptor: Int32) {
    var amount = amount
    _ = unsafe write(descriptor, &amount, 8)
  }

  private static func isReadable(_ descriptor: Int32) -> Bool {
    var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    return unsafe poll(&entry, 1, 0) == 1
  }
}
