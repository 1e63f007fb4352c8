import SystemCalls

/// Limits that the kernel lists under /proc/sys.
package enum KernelLimit {
  /// The `index`-th number of a file, such as `kernel/sem`; 0 where there is none.
  package static func number(_ name: String, _ index: Int = 0) -> Int {
    guard let text = try? Files.readText("/proc/sys/" + name) else { return 0 }
    let numbers = text.split(whereSeparator: \.isWhitespace).map { UInt64($0) ?? 0 }
    return index < numbers.count ? Int(clamping: numbers[index]) : 0
  }
}
