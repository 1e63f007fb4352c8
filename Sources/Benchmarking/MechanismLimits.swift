import IPC
package import Measurement

extension MachineDescription {
  /// This machine, with the kernel's limits on every mechanism.
  package init() {
    var limits: [String: Int] = [:]
    for mechanism in Mechanism.all {
      for limit in mechanism.limits { limits[limit.name] = limit.value }
    }
    self.init(limits: limits)
  }
}
