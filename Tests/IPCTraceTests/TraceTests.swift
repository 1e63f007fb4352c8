import IPC
import IPCTrace
import SystemCalls
import TestSupport
import Testing

/// Recording in this process, and reading it.
@Suite(.serialized, .warmAsync, .guarded) struct TraceTests {
  private func recorded(_ folder: Folder, _ body: () throws -> Void) throws -> [TraceEvent] {
    try Trace.start(in: folder.path)
    defer { Trace.stop() }
    try body()
    Trace.stop()
    return try read(folder)
  }

  private func read(_ folder: Folder, takes: Bool = false) throws -> [TraceEvent] {
    var traces = TraceFolder(folder.path, takes: takes)
    var events: [TraceEvent] = []
    while try traces.read(looksForEnds: true, { events.append($0) }) > 0 {}
    #expect(traces.problems.isEmpty)
    return events
  }

  @Test("a note without a recording makes no text")
  func notesAreOff() {
    var made = 0
    func text() -> String {
      made += 1
      return ""
    }
    Trace.note(text())
    #expect(made == 0 && !Trace.isOn)
  }

  @Test("messages, calls and endpoints of a pipe")
  func pipe() throws {
    let folder = try Folder()
    let events = try recorded(folder) {
      #expect(Trace.isOn)
      var channel = try Channel<String>(over: .pipe)
      Trace.note("now")
      try channel.sender.send("hello")
      #expect(try channel.receiver.receive() == "hello")
      try channel.sender.close()
      channel.receiver.close()
    }
    #expect(!Trace.isOn)
    let contents = events.map(\.content)
    let endpoints = contents.compactMap { if case .opened(let endpoint) = $0 { endpoint } else { nil } }
    try #require(endpoints.count == 2)
    #expect(endpoints.map(\.isReceiver).sorted { !$0 && $1 } == [false, true])
    #expect(endpoints.allSatisfy { $0.mechanism == "pipe" && $0.objects.count == 1 })
    // Both ends are the same pipe.
    let names = Set(
      contents.compactMap {
        if case .descriptor(_, let object) = $0, object.hasPrefix("pipe:[") { object } else { nil }
      })
    #expect(names.count == 1)
    let sender = try #require(endpoints.first { !$0.isReceiver })
    let receiver = try #require(endpoints.first { $0.isReceiver })
    #expect(contents.contains(.sent(endpoint: sender.number, number: 1, bytes: 5, sender: 0, payload: [])))
    #expect(
      contents.contains(.received(endpoint: receiver.number, number: 1, bytes: 5, sender: 0, payload: [])))
    #expect(contents.contains(.closed(endpoint: sender.number, passed: false)))
    #expect(contents.contains(.note("now")) && contents.last == .ended)
    let write = contents.firstIndex {
      if case .callBegins(let call) = $0 { call.name == "pwritev2" && call.bytes == 13 } else { false }
    }
    let written = contents.firstIndex {
      if case .callEnds(let call, 13, 0, _) = $0 { call.name == "pwritev2" } else { false }
    }
    let (begun, ended) = (try #require(write), try #require(written))
    #expect(begun < ended)
    #expect(zip(events, events.dropFirst()).allSatisfy { $0.time <= $1.time })
    #expect(events.allSatisfy { $0.process == CurrentProcess.process })
  }

  @Test("a ring's messages make no call, and are in the trace", arguments: [Mechanism.memory, .memfd])
  func ring(_ mechanism: Mechanism) throws {
    let folder = try Folder()
    let events = try recorded(folder) {
      var channel = try Channel<Int>(over: mechanism)
      Trace.note("begin")
      for number in 0..<10 {
        try channel.sender.send(number)
        #expect(try channel.receiver.receive() == number)
      }
      Trace.note("end")
    }
    let contents = events.map(\.content)
    let begin = try #require(contents.firstIndex(of: .note("begin")))
    let end = try #require(contents.firstIndex(of: .note("end")))
    let middle = contents[begin...end]
    #expect(middle.count { if case .published = $0 { true } else { false } } == 10)
    #expect(middle.count { if case .sent = $0 { true } else { false } } == 10)
    #expect(middle.count { if case .received = $0 { true } else { false } } == 10)
    #expect(!middle.contains { if case .callBegins = $0 { true } else { false } })
  }

  @Test("the first bytes of a message, where asked for")
  func payload() throws {
    let folder = try Folder()
    try Trace.start(in: folder.path, payloadBytes: 100)
    defer { Trace.stop() }
    var channel = try ByteChannel(over: .pipe)
    let bytes = (0..<500).map { UInt8(truncatingIfNeeded: $0) }
    try channel.sender.send(bytes.span)
    try channel.receiver.receive { #expect($0.count == 500) }
    Trace.stop()
    let payloads = try read(folder).compactMap { event -> [UInt8]? in
      switch event.content {
      case .sent(_, _, _, _, let payload), .received(_, _, _, _, let payload): payload
      default: nil
      }
    }
    #expect(payloads == [Array(bytes[..<100]), Array(bytes[..<100])])
  }

  @Test("what finds no room is counted, and there is room again for what is read")
  func fullRing() throws {
    let folder = try Folder()
    try Trace.start(in: folder.path, events: 64)
    defer { Trace.stop() }
    var traces = TraceFolder(folder.path, takes: true)
    var notes: [String] = []
    func take() throws {
      while try traces.read(
        looksForEnds: false, { if case .note(let text) = $0.content { notes.append(text) } }) > 0
      {}
    }
    for number in 0..<1000 {
      Trace.note("\(number)")
      if number % 10 == 9 { try take() }
    }
    #expect(notes == (0..<1000).map(String.init))
    // A note takes two records.
    for number in 0..<1000 { Trace.note("\(number)") }
    notes = []
    try take()
    #expect(notes == (0..<32).map(String.init))
    #expect(traces.processes.map(\.lost) == [UInt64(2 * (1000 - 32))])
  }

  @Test("a text of several records, also around the ring's end")
  func longTexts() throws {
    let folder = try Folder()
    try Trace.start(in: folder.path, events: 64)
    defer { Trace.stop() }
    var traces = TraceFolder(folder.path, takes: true)
    for length in [0, 1, 39, 40, 41, 80, 400, 1000, 2000, 77, 123] {
      let text = String((0..<length).map { Character(Unicode.Scalar(UInt8(97 + $0 % 26))) })
      Trace.note(text)
      var notes: [String] = []
      while try traces.read(
        looksForEnds: false, { if case .note(let text) = $0.content { notes.append(text) } }) > 0
      {}
      #expect(notes == [text])
    }
  }

  @Test("threads that write at once lose nothing and mix nothing")
  func threads() async throws {
    let folder = try Folder()
    try Trace.start(in: folder.path, events: 1 << 16)
    defer { Trace.stop() }
    let threads = 8
    let each = 1000
    await withTaskGroup(of: Void.self) { group in
      for thread in 0..<threads {
        group.addTask {
          for number in 0..<each { Trace.note("\(thread) \(number) of a text that takes two records") }
        }
      }
    }
    Trace.stop()
    var next = [Int](repeating: 0, count: threads)
    for case .note(let text) in try read(folder).map(\.content) {
      let words = text.split(separator: " ")
      let thread = try #require(Int(words[0]))
      #expect(text == "\(thread) \(next[thread]) of a text that takes two records")
      next[thread] += 1
    }
    #expect(next == [Int](repeating: each, count: threads))
  }

  @Test("events as a sequence, while the process runs and to its end")
  func sequence() async throws {
    let folder = try Folder()
    try Trace.start(in: folder.path)
    defer { Trace.stop() }
    let reading = Task {
      var notes: [String] = []
      for try await event in Trace.events(in: folder.path) {
        if case .note(let text) = event.content { notes.append(text) }
      }
      return notes
    }
    for number in 0..<100 {
      Trace.note("\(number)")
      await Task.yield()
    }
    Trace.stop()
    #expect(try await reading.value == (0..<100).map(String.init))
  }

  @Test("a folder that can't be made is reported with its reason")
  func noFolder() throws {
    let error = #expect(throws: TraceError.self) { try Trace.start(in: "/proc/no/folder") }
    #expect(error?.description.contains("/proc/no/folder") == true)
    #expect(!Trace.isOn)
  }
}

/// Files that aren't as a process of this version leaves them.
@Suite(.serialized, .guarded) struct TraceFileTests {
  /// Makes a trace of a few notes, changes its bytes, and reads it.
  private func reading(
    _ change: (inout [UInt8]) -> Void
  ) throws -> (events: [TraceEvent], problems: [String], lost: UInt64) {
    let folder = try Folder()
    try Trace.start(in: folder.path, events: 64)
    for number in 0..<10 { Trace.note("note \(number)") }
    Trace.stop()
    let names = try Files.names(in: folder.path)
    let name = try #require(names.first)
    var bytes = try TraceBytes.read("\(folder.path)/\(name)")
    change(&bytes)
    try TraceBytes.write(bytes, "\(folder.path)/\(name)")
    var traces = TraceFolder(folder.path, takes: false)
    var events: [TraceEvent] = []
    var rounds = 0
    while try traces.read(looksForEnds: true, { events.append($0) }) > 0, rounds < 1000 { rounds += 1 }
    #expect(rounds < 1000)
    return (events, traces.problems, traces.processes.first?.lost ?? 0)
  }

  @Test("a file that is cut short is read as far as it goes")
  func cut() throws {
    let result = try reading { $0.removeLast($0.count - 4096 - 64 * 7) }
    #expect(result.events.count { if case .note = $0.content { true } else { false } } > 0)
    #expect(result.problems.first?.contains("cut short") == true)
  }

  @Test("a header that is cut short isn't a trace")
  func cutHeader() throws {
    let result = try reading { $0.removeLast($0.count - 1000) }
    #expect(result.events.isEmpty && result.problems.first?.contains("not a trace") == true)
  }

  @Test("a file of another version is refused, with what to do")
  func otherVersion() throws {
    let result = try reading { $0[8] = 2 }
    #expect(result.events.isEmpty)
    #expect(result.problems.first?.contains("another version") == true)
  }

  @Test("garbage in the header and in the records is an error or nothing, and never a crash")
  func garbage() throws {
    for seed in 0..<200 {
      var random = SeededBytes(seed)
      _ = try reading { bytes in
        for _ in 0..<40 {
          // The magic stays, so that the rest is read.
          let place = 12 + random.next(below: min(bytes.count, 4096 + 64 * 30) - 12)
          bytes[place] = UInt8(random.next(below: 256))
        }
      }
    }
  }

  @Test("a head far beyond the ring, and one behind the tail, end the reading")
  func impossibleHeads() throws {
    #expect(try reading { for index in 64..<72 { $0[index] = 0xFF } }.events.isEmpty)
    #expect(try reading { $0[128] = 200 }.events.isEmpty)
  }

  @Test("a process that couldn't record has left its reason")
  func failed() throws {
    let folder = try Folder()
    try TraceBytes.write([], "\(folder.path)/4711-28.failed")
    var traces = TraceFolder(folder.path, takes: false)
    _ = try traces.read(looksForEnds: true) { _ in }
    #expect(traces.problems.count == 1)
    #expect(traces.problems[0].hasPrefix("process 4711 couldn't record: No space left on device: "))
  }
}

/// Whole files as bytes.
private enum TraceBytes {
  static func read(_ path: String) throws -> [UInt8] {
    let file = try Files.open(path, .read)
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = unsafe try chunk.withUnsafeMutableBytes { unsafe try Streams.read(file.raw, into: $0) }
      if count == 0 { return bytes }
      bytes += chunk[..<count]
    }
  }

  static func write(_ bytes: [UInt8], _ path: String) throws {
    let file = try Files.open(path, .write, create: true)
    try Files.ftruncate(file)
    var offset = 0
    while offset < bytes.count {
      unsafe offset += try bytes[offset...].withUnsafeBytes {
        unsafe try Streams.writev(file.raw, $0, UnsafeRawBufferPointer(start: nil, count: 0))
      }
    }
  }
}

/// Numbers that are the same for the same seed.
private struct SeededBytes {
  private var state: UInt64

  init(_ seed: Int) { state = UInt64(seed) &* 0x9E37_79B9_7F4A_7C15 &+ 1 }

  mutating func next(below bound: Int) -> Int {
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return Int(state % UInt64(bound))
  }
}
