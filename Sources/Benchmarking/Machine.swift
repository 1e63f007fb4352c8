import IPC
import SystemCalls

/// The machine that a figure was measured on.
package struct Machine: Sendable, Codable, Hashable {
  package let cpu: String
  package let cpus: Int
  package let kernel: String
  package let memoryKilobytes: Int
  /// `kvm`, `none`, …: whether the CPUs are a host's to move.
  package let isVirtual: Bool
  /// How the CPUs' clock rate is chosen; "not told" where the kernel doesn't say.
  package let governor: String
  package let clockSource: String
  /// What the kernel does against which weakness of the CPU; much of what a system call costs.
  package let mitigations: [String: String]
  /// The limits that bear on the mechanisms.
  package let limits: [String: Int]

  enum CodingKeys: String, CodingKey {
    case cpu, cpus, kernel
    case memoryKilobytes = "memory_kb"
    case isVirtual = "virtual"
    case governor
    case clockSource = "clock_source"
    case mitigations, limits
  }

  package init() {
    func field(_ file: String, _ key: String) -> String? {
      guard let text = try? Files.readText(file) else { return nil }
      for line in text.split(separator: "\n") where line.hasPrefix(key) {
        return line.split(separator: ":", maxSplits: 1).last.map { String($0.drop { $0.isWhitespace }) }
      }
      return nil
    }
    func line(_ file: String) -> String? {
      (try? Files.readText(file))?.split(separator: "\n").first.map(String.init)
    }
    cpu = field("/proc/cpuinfo", "model name") ?? "unknown"
    cpus = Processes.processors
    kernel = line("/proc/sys/kernel/osrelease") ?? "unknown"
    memoryKilobytes =
      field("/proc/meminfo", "MemTotal")?.split(separator: " ").first.flatMap { Int($0) } ?? 0
    isVirtual = field("/proc/cpuinfo", "flags")?.split(separator: " ").contains("hypervisor") ?? false
    governor = line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor") ?? "not told"
    clockSource = line("/sys/devices/system/clocksource/clocksource0/current_clocksource") ?? "not told"
    var mitigations: [String: String] = [:]
    let folder = "/sys/devices/system/cpu/vulnerabilities"
    for name in (try? Files.names(in: folder)) ?? [] {
      guard let text = line("\(folder)/\(name)"), text != "Not affected" else { continue }
      mitigations[name] = text
    }
    self.mitigations = mitigations
    var limits: [String: Int] = [:]
    for mechanism in Mechanism.all {
      for limit in mechanism.limits { limits[limit.name] = limit.value }
    }
    self.limits = limits
  }

  /// How many ticks of its CPUs' time the host has given to others since the start (/proc/stat, `steal`).
  static var stolenTicks: Int {
    guard let text = try? Files.readText("/proc/stat"), let first = text.split(separator: "\n").first else {
      return 0
    }
    let fields = first.split(separator: " ")
    return fields.count > 8 ? Int(fields[8]) ?? 0 : 0
  }
}
