import SystemCalls

/// The machine on which something was measured.
package struct MachineDescription: Sendable, Codable, Hashable {
  package let cpu: String
  package let cpus: Int
  package let kernel: String
  package let memoryKilobytes: Int
  /// Whether it is a virtual machine, whose host may move or stop its CPUs.
  package let isVirtual: Bool
  /// How the kernel chooses the CPUs' clock rate; "not told" where it doesn't say.
  package let governor: String
  package let clockSource: String
  /// The kernel's mitigation of each of the CPU's vulnerabilities: much of what a system call costs.
  package let mitigations: [String: String]
  /// The kernel's limits on what is measured.
  package let limits: [String: Int]

  enum CodingKeys: String, CodingKey {
    case cpu, cpus, kernel
    case memoryKilobytes = "memory_kb"
    case isVirtual = "virtual"
    case governor
    case clockSource = "clock_source"
    case mitigations, limits
  }

  /// Describes this machine.
  ///
  /// - Parameter limits: the kernel's limits on what is measured, by their names.
  package init(limits: [String: Int]) {
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
    self.limits = limits
  }

  /// The ticks of this machine's CPU time that the host has given to others since it started (`steal` in /proc/stat).
  package static var stolenTicks: Int {
    guard let text = try? Files.readText("/proc/stat"), let first = text.split(separator: "\n").first else {
      return 0
    }
    let fields = first.split(separator: " ")
    // cpu, user, nice, system, idle, iowait, irq, softirq, steal
    let stealField = 8
    return fields.count > stealField ? Int(fields[stealField]) ?? 0 : 0
  }
}
