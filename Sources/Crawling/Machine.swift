import IPC
import SystemCalls

/// The machine that a figure was measured on.
package struct Machine: Sendable, Encodable {
  package let cpu: String
  package let cpus: Int
  package let kernel: String
  package let memoryKilobytes: Int
  /// The limits that bear on the mechanisms.
  package let limits: [String: Int]

  enum CodingKeys: String, CodingKey {
    case cpu, cpus, kernel
    case memoryKilobytes = "memory_kb"
    case limits
  }

  package init() {
    func field(_ file: String, _ key: String) -> String? {
      guard let text = try? Files.readText(file) else { return nil }
      for line in text.split(separator: "\n") where line.hasPrefix(key) {
        return line.split(separator: ":", maxSplits: 1).last.map { String($0.drop { $0.isWhitespace }) }
      }
      return nil
    }
    cpu = field("/proc/cpuinfo", "model name") ?? "unknown"
    cpus = Processes.processors
    let version = (try? Files.readText("/proc/sys/kernel/osrelease")) ?? "unknown"
    kernel = version.split(separator: "\n").first.map(String.init) ?? "unknown"
    memoryKilobytes =
      field("/proc/meminfo", "MemTotal")?.split(separator: " ").first.flatMap { Int($0) } ?? 0
    var limits: [String: Int] = [:]
    for mechanism in Mechanism.all {
      for limit in mechanism.limits { limits[limit.name] = limit.value }
    }
    self.limits = limits
  }
}
