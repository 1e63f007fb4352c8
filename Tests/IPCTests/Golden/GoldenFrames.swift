import CProbe
import Glibc

@testable import IPC

/// Frames and handshakes, as they travel.
extension GoldenDump {
  struct ProbeFailure: Error {
    let what: String
    let number = errno
    init(_ what: String) { self.what = what }
  }

  static func checked(_ what: String, _ number: Int32) throws -> Int32 {
    guard number >= 0 else { throw ProbeFailure(what) }
    return number
  }

  private static func pipe(packets: Bool, capacity: Int32) throws -> (reading: Int32, writing: Int32) {
    var ends: [Int32] = [-1, -1]
    _ = try checked("pipe", unsafe probe_pipe(&ends, packets ? 1 : 0, capacity))
    return (ends[0], ends[1])
  }

  // MARK: Frames

  static func frames(_ places: Places) throws -> [String] {
    var dump = GoldenDump()
    try dump.pipes()
    try dump.fifos(places)
    try dump.queues(places)
    try dump.sockets(places)
    try dump.commands(places)
    return dump.lines
  }

  /// A sender into a pipe of the test's own; the pipe's reading end.
  private mutating func overPipe(
    _ options: String, packets: Bool = true, _ body: (inout GoldenDump, HeldSender, Int32) -> Void
  ) throws {
    title("pipe\(options)\(packets ? "" : ", as a stream")")
    let pipe = try Self.pipe(packets: packets, capacity: 1 << 20)
    let sender = HeldSender(try ByteSender(to: "pipe:\(pipe.writing)\(options)"))
    close(pipe.writing)
    body(&self, sender, pipe.reading)
    sender.close()
    close(pipe.reading)
  }

  private mutating func pipes() throws {
    try overPipe("") { dump, sender, end in
      dump.send(sizes: [0, 1, 5, 8, 300, 4080, 4088], sender, .writes(end))
      dump.sendGathered(sender, .writes(end))
      dump.send("send in place, 7 of 100 bytes", sender, .writes(end)) { sender throws(ChannelError) in
        try sender.send(capacity: 100) { output in for byte in Self.message(7) { output.append(byte) } }
      }
      dump.send("try to send 5 bytes", sender, .writes(end)) { _ = try $0.trySend(Self.message(5).span) }
      for size in [0, 5, 4080] {
        dump.send("send \(size) bytes within 20 seconds", sender, .stream(end)) {
          try $0.send(Self.message(size).span, within: .seconds(20))
        }
      }
      dump.send("send a string, a number and bytes", sender, .stream(end)) {
        try $0.send("grüße")
        try $0.send(Int32(-2))
        try $0.send(UInt64(1) << 40)
        try $0.send([UInt8]([1, 2, 3]))
      }
    }
    try overPipe("", packets: false) { dump, sender, end in
      dump.send(sizes: [70_000, 3 << 20], sender, .stream(end))
    }
    try overPipe("?senders=many") { dump, sender, end in
      dump.send(sizes: [0, 5, 4088, 4089, 10_000], sender, .writes(end))
      dump.sendGathered(sender, .writes(end))
      dump.send("send 5 bytes within 20 seconds", sender, .writes(end)) {
        try $0.send(Self.message(5).span, within: .seconds(20))
      }
    }
    title("pipe, of Int")
    let pipe = try Self.pipe(packets: true, capacity: 1 << 20)
    let sender = HeldSender(try ByteSender(to: Self.typed("pipe:\(pipe.writing)", Int.self)))
    close(pipe.writing)
    send("send 42", sender, .writes(pipe.reading)) { try $0.send(42) }
    sender.close()
    close(pipe.reading)
    try overPipe("?framing=line") { dump, sender, end in
      dump.send(sizes: [0, 5, 40], sender, .text(end))
    }
  }

  private mutating func fifos(_ places: Places) throws {
    title("fifo, of String: messages that wait")
    let path = places.path("fifo")
    let end = try Self.checked("fifo", unsafe probe_fifo(path))
    let sender = HeldSender(try ByteSender(to: Self.typed("fifo:\(path)", String.self)))
    sendGathered(sender, .stream(end))
    sender.close()
    close(end)
    unsafe unlink(path)
    for options in ["", "?senders=one", "?framing=line"] {
      title("fifo\(options)")
      let path = places.path("fifo")
      let end = try Self.checked("fifo", unsafe probe_fifo(path))
      let sender = HeldSender(try ByteSender(to: "fifo:\(path)\(options)"))
      if options == "?framing=line" {
        send(sizes: [0, 5, 40], sender, .text(end))
      } else {
        send(sizes: [0, 5, 4088, 4089, 10_000], sender, .stream(end))
        sendGathered(sender, .stream(end))
        send("send 5 bytes within 20 seconds", sender, .stream(end)) {
          try $0.send(Self.message(5).span, within: .seconds(20))
        }
      }
      sender.close()
      close(end)
      unsafe unlink(path)
    }
  }

  private mutating func queues(_ places: Places) throws {
    // Its unit is what a queue of 4096 bytes holds, whatever kernel.msgmax says.
    title("queue?capacity=4096")
    let receiver = HeldReceiver(try ByteReceiver(at: "queue:golden?capacity=4096"))
    let sender = HeldSender(try ByteSender(to: "queue:golden"))
    let queue = try Int32(Self.registered("queue.golden", places)["queue"] ?? "").unwrapped("queue")
    send(sizes: [0, 5, 4088, 4089, 10_000], sender, .queue(queue))
    sendGathered(sender, .queue(queue))
    sender.close()
    receiver.close()

    title("posix-queue")
    let posixReceiver = HeldReceiver(try ByteReceiver(at: "posix-queue:golden"))
    let posixSender = HeldSender(try ByteSender(to: "posix-queue:golden"))
    let name = try Self.registered("posix-queue.golden", places)["name"].unwrapped("name")
    let posixQueue = try Self.checked("mq_open", unsafe probe_mq_open(name))
    var (messages, size) = (0, 0)
    unsafe probe_mq_limits(posixQueue, &messages, &size)
    line("\(messages) messages of \(size) bytes")
    send(sizes: [0, 5, 8184, 8185, 20_000], posixSender, .posixQueue(posixQueue))
    sendGathered(posixSender, .posixQueue(posixQueue))
    posixSender.close()
    posixReceiver.close()
    close(posixQueue)
  }

  /// What a receiver that doesn't say its type greets a sender with.
  private static let greeting: [UInt8] = [2, 0, 0, 0, 0, 0, 0, 0, 0, 255]

  /// An address whose channel has messages of a type.
  static func typed<Element: Message>(_ address: String, _ type: Element.Type) throws -> Address {
    var address = try Address(address)
    address.options.messageType = try MessageType(of: type)
    return address
  }

  /// A sender connected to a listener of the test's own, greeted as a receiver greets it.
  private static func connect(_ address: String, _ listener: Int32) throws -> (
    sender: HeldSender, socket: Int32
  ) {
    let opened = Opened()
    let work = BackgroundWork {
      opened.sender = HeldSender(try ByteSender(to: address, within: .seconds(30)))
    }
    let socket = try checked("accept", probe_accept(listener, 30_000))
    _ = try checked("write", unsafe probe_write(socket, greeting, greeting.count))
    if let error = work.join() { throw ProbeFailure("\(address): \(error)") }
    return (try opened.sender.unwrapped("sender"), socket)
  }

  private final class Opened: @unchecked Sendable {
    var sender: HeldSender?
  }

  private mutating func sockets(_ places: Places) throws {
    for options in ["", "?type=stream", "?framing=line", "?capacity=8192"] {
      title("unix\(options)")
      let path = places.path("socket")
      let isPacket = !options.contains("stream") && !options.contains("line")
      let listener = try Self.checked("listen", unsafe probe_unix_listen(path, isPacket ? 0 : 1))
      let (sender, socket) = try Self.connect("unix:\(path)\(options)", listener)
      if options.contains("capacity") {
        send(sizes: [5, 4088, 4089, 10_000], sender, .packets(socket))
        sender.close()
        close(socket)
      } else {
        overSocket(sender, socket, isPacket: isPacket, isLine: options.contains("line"))
      }
      close(listener)
      unsafe unlink(path)
    }
    for options in ["", "?framing=line"] {
      title("tcp\(options)")
      var port: Int32 = 0
      let listener = try Self.checked("listen", unsafe probe_tcp_listen(&port))
      let (sender, socket) = try Self.connect("tcp:127.0.0.1:\(port)\(options)", listener)
      overSocket(sender, socket, isPacket: false, isLine: options.contains("line"))
      close(listener)
    }
  }

  private mutating func overSocket(_ sender: HeldSender, _ socket: Int32, isPacket: Bool, isLine: Bool) {
    if isLine {
      send(sizes: [0, 5, 40], sender, .text(socket))
    } else {
      let arrivals = isPacket ? Arrivals.packets(socket) : .stream(socket)
      send(sizes: [0, 5, 4089, 65_528, 65_529, 140_000], sender, arrivals)
      sendGathered(sender, arrivals)
      send("send 5 bytes within 20 seconds", sender, arrivals) {
        try $0.send(Self.message(5).span, within: .seconds(20))
      }
    }
    sender.close()
    close(socket)
  }

  private mutating func commands(_ places: Places) throws {
    for options in ["", "?framing=frames"] {
      title("popen\(options)")
      let path = places.path("output")
      let sender = HeldSender(try ByteSender(to: "popen:cat > \(path)\(options)"))
      try sender.use { sender in for size in [0, 5, 40] { try sender.send(Self.message(size).span) } }
      sender.close()
      let bytes = try Self.contents(path)
      if options.isEmpty { text(bytes) } else { frames(bytes) }
      unsafe unlink(path)
    }
  }

  // MARK: Messages given up

  static func abandoned() throws -> [String] {
    var dump = GoldenDump()
    // A pipe of one page takes 4096 bytes, and cuts a longer write.
    try dump.abandon("in its bytes", message: 10_000)
    try dump.abandon("in its header", message: 4092, filled: 4092)
    try dump.abandon("in the header of its last part", message: 8180, readMeanwhile: 4096)
    try dump.abandon("before its last part", message: 4088)
    try dump.abandon("before its sender has said hello", message: 5, filled: 4086, saysHelloFirst: false)
    try dump.abandon("between two parts", options: "?senders=many", message: 10_000)
    return dump.lines
  }

  private mutating func abandon(
    _ place: String, options: String = "", message size: Int, filled: Int = 0, readMeanwhile: Int = 0,
    saysHelloFirst: Bool = true
  ) throws {
    title("pipe\(options): a message given up \(place)")
    let pipe = try Self.pipe(packets: false, capacity: 4096)
    let sender = HeldSender(try ByteSender(to: "pipe:\(pipe.writing)\(options)"))
    if saysHelloFirst {
      try sender.use { try $0.flush() }
      line("say hello")
      frames(Arrivals.stream(pipe.reading).next(5000)?.bytes ?? [])
    }
    if filled > 0 { _ = try Self.checked("fill", probe_fill(pipe.writing, filled)) }
    close(pipe.writing)
    line("send \(size) bytes within a moment, and 5 bytes")
    let first = BackgroundWork {
      try sender.use {
        try $0.send(Self.message(size).span, within: .milliseconds(readMeanwhile > 0 ? 1500 : 300))
      }
    }
    var bytes: [UInt8] = []
    let arrivals = Arrivals.stream(pipe.reading)
    while bytes.count < readMeanwhile { bytes += arrivals.next(10)?.bytes ?? [] }
    line("  error: \(first.join() ?? "none")")
    let second = BackgroundWork {
      try sender.use { try $0.send(Self.message(5).span) }
      sender.close()
    }
    while true {
      let isDone = second.isDone
      if let found = arrivals.next(10) { bytes += found.bytes } else if isDone { break }
    }
    close(pipe.reading)
    frames(Array(bytes.dropFirst(filled)))
  }

  // MARK: Handshakes

  static func handshakes(_ places: Places) throws -> [String] {
    var dump = GoldenDump()
    dump.title("fifo: a receiver")
    let fifo = HeldReceiver(try ByteReceiver(at: "fifo:\(places.path("fifo"))"))
    dump.mode(of: places.path("fifo"))
    fifo.close()
    dump.mode(of: places.path("fifo"))
    for (options, isStream) in [("", Int32(0)), ("?type=stream", 1), ("?framing=line", 1)] {
      let path = places.path("socket")
      dump.title("unix\(options): a receiver")
      let receiver = HeldReceiver(try ByteReceiver(at: "unix:\(path)\(options)"))
      dump.mode(of: path)
      try dump.greeting(try checked("connect", unsafe probe_unix_connect(path, isStream)))
      receiver.close()
      dump.mode(of: path)
      dump.title("unix\(options): a sender")
      let listener = try checked("listen", unsafe probe_unix_listen(path, isStream))
      try dump.senderSays("unix:\(path)\(options)", listener)
      unsafe unlink(path)
    }
    dump.title("unix: a receiver of String")
    let path = places.path("socket")
    let strings = HeldReceiver(try ByteReceiver(at: typed("unix:\(path)", String.self)))
    try dump.greeting(try checked("connect", unsafe probe_unix_connect(path, 0)))
    strings.close()
    dump.title("unix: a sender of Int, greeted by a receiver of String")
    let packets = try checked("listen", unsafe probe_unix_listen(path, 0))
    try dump.mismatch(typed("unix:\(path)", Int.self), packets)
    close(packets)
    unsafe unlink(path)
    dump.title("tcp: a sender")
    var port: Int32 = 0
    let listener = try checked("listen", unsafe probe_tcp_listen(&port))
    try dump.senderSays("tcp:127.0.0.1:\(port)", listener)
    dump.title("tcp: a receiver")
    let probe = try checked("listen", unsafe probe_tcp_listen(&port))
    close(probe)
    let receiver = HeldReceiver(try ByteReceiver(at: "tcp:127.0.0.1:\(port)"))
    try dump.greeting(try checked("connect", probe_tcp_connect(port)))
    receiver.close()
    try dump.descriptors(places)
    return dump.lines
  }

  private mutating func mode(of path: String) {
    var status = stat()
    guard unsafe lstat(path, &status) == 0 else { return line("no file") }
    line("file of mode \(String(status.st_mode, radix: 8))")
  }

  /// What a receiver says to one that connects, and what it says when it closes.
  private mutating func greeting(_ socket: Int32) throws {
    var bytes = [UInt8](repeating: 0, count: 100)
    var count = unsafe probe_read(socket, &bytes, bytes.count, 5000)
    line("it says \(Self.hex(bytes[..<max(0, count)]))")
    count = unsafe probe_read(socket, &bytes, bytes.count, 50)
    line("and then \(count == -2 ? "nothing" : "\(count) bytes")")
    close(socket)
  }

  /// What a sender says before it is greeted, and after; and that it gives up when it is turned away.
  private mutating func senderSays(_ address: String, _ listener: Int32) throws {
    var bytes = [UInt8](repeating: 0, count: 100)
    let opened = Opened()
    let work = BackgroundWork {
      opened.sender = HeldSender(try ByteSender(to: address, within: .seconds(30)))
    }
    let socket = try Self.checked("accept", probe_accept(listener, 30_000))
    var count = unsafe probe_read(socket, &bytes, bytes.count, 50)
    line("before it is greeted it says \(count == -2 ? "nothing" : "\(count) bytes")")
    line("it has\(work.isDone ? "" : "n't") opened by then")
    _ = try Self.checked("write", unsafe probe_write(socket, Self.greeting, Self.greeting.count))
    line("error: \(work.join() ?? "none")")
    count = unsafe probe_read(socket, &bytes, bytes.count, 50)
    line("greeted with \(Self.hex(Self.greeting)) it says\(count == -2 ? " nothing" : "")")
    if count > 0 { frames(Array(bytes[..<count])) }
    opened.sender?.close()
    count = unsafe probe_read(socket, &bytes, bytes.count, 5000)
    line("closing it says \(count == 0 ? "the end" : "\(count)")")
    close(socket)
    let refused: [(what: String, greeting: [UInt8])] = [
      ("01", [1]), ("03", [3]), ("a letter", [65]), ("the end", []),
      ("a part of a greeting", Array(Self.greeting.dropLast())),
      ("a name of 201 bytes", [2, 0, 0, 0, 0, 0, 0, 0, 0, 201] + [UInt8](repeating: 65, count: 201)),
    ]
    for (what, greeting) in refused {
      let work = BackgroundWork {
        opened.sender = HeldSender(try ByteSender(to: address, within: .seconds(30)))
      }
      let socket = try Self.checked("accept", probe_accept(listener, 30_000))
      if greeting.isEmpty {
        // As a receiver does that dies: the next one may be there soon.
        close(socket)
        let again = try Self.checked("accept", probe_accept(listener, 30_000))
        line("greeted with \(what) it connects again")
        _ = try Self.checked("write", unsafe probe_write(again, [3], 1))
        _ = work.join()
        close(again)
        continue
      }
      _ = try Self.checked("write", unsafe probe_write(socket, greeting, greeting.count))
      // Over TCP the kernel knows only of an open connection whose it is.
      let error = greeting.count == 1 ? work.join() : nil
      close(socket)
      line("greeted with \(what) it fails: \(error ?? work.join() ?? "no")")
    }
    close(listener)
  }

  /// What a sender says to a receiver of another type.
  private mutating func mismatch(_ address: Address, _ listener: Int32) throws {
    let work = BackgroundWork { _ = HeldSender(try ByteSender(to: address, within: .seconds(30))) }
    let socket = try Self.checked("accept", probe_accept(listener, 30_000))
    let greeting = [2] + MessageType.bytes(try MessageType(of: String.self))
    _ = try Self.checked("write", unsafe probe_write(socket, greeting, greeting.count))
    line("it fails: \(work.join() ?? "no")")
    var bytes = [UInt8](repeating: 0, count: 100)
    var count = unsafe probe_read(socket, &bytes, bytes.count, 5000)
    line("it says")
    frames(Array(bytes[..<max(0, count)]))
    count = unsafe probe_read(socket, &bytes, bytes.count, 5000)
    line("and then \(count == 0 ? "the end" : "\(count)")")
    close(socket)
  }

  /// The memory of `memfd:/path`, which travels as descriptors.
  private mutating func descriptors(_ places: Places) throws {
    let path = places.path("memfd")
    title("memfd: a receiver")
    let receiver = HeldReceiver(try ByteReceiver(at: "memfd:\(path)?capacity=4096"))
    mode(of: path)
    let socket = try Self.checked("connect", unsafe probe_unix_connect(path, 1))
    var bytes = [UInt8](repeating: 0, count: 100)
    var numbers = [Int32](repeating: -1, count: 8)
    var found: Int32 = 0
    var count = unsafe probe_receive(socket, &bytes, bytes.count, &numbers, &found, 50)
    line("before the sender has spoken it says \(count == -2 ? "nothing" : "\(count) bytes")")
    _ = try Self.checked("write", unsafe probe_write(socket, Self.greeting, Self.greeting.count))
    // A longer read would take the first descriptor too.
    count = unsafe probe_read(socket, &bytes, Self.greeting.count, 5000)
    line("it says \(Self.hex(bytes[..<max(0, count)]))")
    var kept: [Int32] = []
    while true {
      count = unsafe probe_receive(socket, &bytes, bytes.count, &numbers, &found, 5000)
      guard count > 0 else { break }
      kept += numbers[..<Int(found)]
      line("it says \(Self.hex(bytes[..<count])) with \(found) descriptor\(found == 1 ? "" : "s")")
    }
    line("and then \(count == 0 ? "the end" : "\(count)")")
    for text in Self.describe(kept, of: "self") { line("  \(text)") }
    if let memory = kept.first {
      var status = stat()
      unsafe fstat(memory, &status)
      line(
        "memory of \(status.st_size) bytes, seals \(fcntl(memory, F_GETFD) >= 0 ? Self.seals(memory) : "-")")
      if let mapped = unsafe probe_map(memory, Int(status.st_size)) {
        unsafe words(UnsafeRawBufferPointer(start: mapped, count: Int(status.st_size)))
        unsafe probe_unmap(mapped, Int(status.st_size))
      }
    }
    for number in kept { close(number) }
    close(socket)
    receiver.close()
    mode(of: path)

    title("memfd: a sender")
    let listener = try Self.checked("listen", unsafe probe_unix_listen(path, 1))
    let work = BackgroundWork { _ = HeldSender(try ByteSender(to: "memfd:\(path)", within: .seconds(2))) }
    let connection = try Self.checked("accept", probe_accept(listener, 30_000))
    count = unsafe probe_receive(connection, &bytes, bytes.count, &numbers, &found, 5000)
    line("it says \(Self.hex(bytes[..<max(0, count)])) with \(found) descriptors")
    count = unsafe probe_read(connection, &bytes, bytes.count, 50)
    line("and then \(count == -2 ? "nothing" : "\(count)")")
    close(connection)
    while !work.isDone {
      let again = probe_accept(listener, 100)
      if again >= 0 { close(again) }
    }
    line("turned away until its deadline it fails: \(work.join() ?? "no")")
    close(listener)
    unsafe unlink(path)
  }

  private static func seals(_ memory: Int32) -> String {
    // F_GET_SEALS
    String(fcntl(memory, 1034), radix: 16)
  }
}

extension Optional {
  func unwrapped(_ what: String) throws -> Wrapped {
    guard let self else { throw GoldenDump.ProbeFailure(what) }
    return self
  }
}
