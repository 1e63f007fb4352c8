import SystemCalls

/// Limits that the kernel lists under /proc/sys.
package enum KernelLimit {
  /// The `index`-th number of a file, such as `kernel/sem`; 0 where there is none.
  package static func number(_ name: String, _ index: Int = 0) -> Int {
    guard let text = try? Files.readText("/proc/sys/" + name) else { return 0 }
    let numbers = text.split(whereSeparator: \.isWhitespace).map { UInt64($0) ?? 0 }
    return index < numbers.count ? Int(clamping: numbers[index]) : 0
  }

  /// The first number of a file, which a channel can't do without.
  static func required(_ name: String, _ mechanism: Mechanism) throws(ChannelError) -> Int {
    let number = number(name)
    guard number > 0 else { throw .withoutProc("/proc/sys/" + name, .open, mechanism) }
    return number
  }
}

extension ChannelError {
  /// A file of /proc can't be had, most likely since /proc isn't mounted.
  static func withoutProc(
    _ path: String, _ operation: Operation, _ mechanism: Mechanism
  ) -> ChannelError {
    ChannelError(
      .system, operation, mechanism,
      "\(path) can't be read, which this mechanism needs: mount /proc (mount -t proc proc /proc)")
  }
}
