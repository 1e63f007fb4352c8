import Glibc

/// What the threads of this process have used, in nanoseconds of the scheduler, which counts each (where the kernel's
/// user and system time go by ticks).
package struct TimesUsed: Sendable, Hashable {
  /// CPU time.
  package var cpu: UInt64 = 0
  /// Run-queue delay: ready to run, and waiting for a CPU.
  package var delay: UInt64 = 0
  /// How often a thread went to sleep, which is how often it was woken.
  package var sleeps = 0
  /// In system calls, where ``CallTime`` is on.
  package var calls = CallTime.Reading()

  package init() {}

  package func since(_ start: TimesUsed) -> TimesUsed {
    var result = TimesUsed()
    result.cpu = Self.grown(cpu, start.cpu)
    result.delay = Self.grown(delay, start.delay)
    result.sleeps = max(0, sleeps - start.sleeps)
    result.calls = calls.since(start.calls)
    return result
  }

  package mutating func add(_ other: TimesUsed) {
    cpu &+= other.cpu
    delay &+= other.delay
    sleeps += other.sleeps
    calls.calls &+= other.calls.calls
    calls.nanoseconds &+= other.calls.nanoseconds
    calls.timing &+= other.calls.timing
  }

  private static func grown(_ now: UInt64, _ before: UInt64) -> UInt64 { now > before ? now - before : 0 }

  /// Of all threads of this process. The delay is that of those that run still. clock_gettime(2), getrusage(2), and
  /// `/proc/self/task/TID/schedstat` (proc(5)).
  package static func ofProcess() -> TimesUsed {
    var result = TimesUsed()
    result.calls = CallTime.reading
    for thread in (try? Files.names(in: "/proc/self/task")) ?? [] {
      result.delay &+= (try? Files.readText("/proc/self/task/\(thread)/schedstat")).map(delay) ?? 0
    }
    result.sleeps = Processes.getrusage().voluntarySwitches
    result.cpu = Clock.cpuOfProcess()
    return result
  }

  /// The second field of schedstat.
  fileprivate static func delay(_ text: String) -> UInt64 {
    text.split(separator: " ").dropFirst().first.flatMap { UInt64($0) } ?? 0
  }
}

/// Reads the times of one thread, in a microsecond: at the beginning and the end of a piece of work.
package struct ThreadTimes: ~Copyable {
  private let schedstat: Descriptor

  /// Of the calling thread.
  package init() throws(SystemError) {
    schedstat = try making(.open) {
      unsafe Glibc.open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC)
    }
  }

  /// The calling thread's times. pread(2), clock_gettime(2), getrusage(2): not through the gate, which would count them.
  package func now() -> TimesUsed {
    var result = TimesUsed()
    result.calls = CallTime.reading
    result.sleeps = Processes.getrusageOfThread().voluntarySwitches
    result.cpu = Clock.cpuOfThread()
    var text: InlineArray<64, UInt8> = .init(repeating: 0)
    var bytes = text.mutableSpan
    _ = unsafe bytes.withUnsafeMutableBytes { unsafe pread(schedstat.raw, $0.baseAddress, $0.count, 0) }
    var field = 0
    for index in text.indices where field < 2 {
      let byte = text[index]
      if byte == UInt8(ascii: " ") {
        field += 1
      } else if field == 1 {
        result.delay = result.delay &* 10 &+ UInt64(byte &- UInt8(ascii: "0"))
      }
    }
    return result
  }
}
