import Glibc
import IPC
import SystemCalls

/// A process at one end of a channel, as `ipc who` shows it.
struct EndpointHolder: Encodable {
  let role: String
  let process: Int32
  let command: String
  /// What it was called with.
  let arguments: [String]
  let uid: UInt32
  let user: String?
  /// Seconds since the process began.
  let age: Int
  /// When it began, in local time.
  let since: String
  /// The descriptors by which it has this end.
  let descriptors: [Int32]
  /// The call that the thread which uses this end is blocked in, as far as its arguments tell; or else the first thread.
  let blockedIn: String?

  enum CodingKeys: String, CodingKey {
    case role, process, command, arguments, uid, user, since, descriptors
    case age = "age_s"
    case blockedIn = "blocked_in"
  }

  /// - Parameter ids: the kernel objects that its calls may name in place of a descriptor.
  init(_ role: String, _ process: ProcessScan.Process, descriptors: [Int32], ids: Set<Int32> = []) {
    self.role = role
    self.process = process.id
    self.descriptors = descriptors
    command = process.status.command
    arguments = ProcessFiles.arguments(process.id)
    uid = process.status.user
    user = Users.name(process.status.user)
    age = max(0, Int(Clock.realtime() / 1_000_000_000) - process.status.started)
    since = Self.time(process.status.started)
    let calls = ProcessFiles.calls(process.id)
    let own = calls.first { call in
      guard let argument = Int32(exactly: call.argument) else { return false }
      return Self.takesID(call.name)
        ? ids.contains(argument)
        : Self.takesDescriptor(call.name) && descriptors.contains(argument)
    }
    blockedIn = (own ?? calls.first { $0.thread == process.id })?.name
  }

  private static func takesID(_ call: String) -> Bool {
    ["msgsnd", "msgrcv", "semop", "semtimedop"].contains(call)
  }

  /// The calls whose first argument isn't a descriptor.
  private static func takesDescriptor(_ call: String) -> Bool {
    !["poll", "ppoll", "select", "pselect6", "futex", "nanosleep", "clock_nanosleep", "wait4", "waitid"]
      .contains(call)
  }

  /// One for each process and role.
  static func all(
    _ role: String, _ holders: [ProcessScan.Holder], ids: Set<Int32> = []
  ) -> [EndpointHolder] {
    let groups = Dictionary(grouping: holders) { $0.process.id }
    return groups.sorted { $0.key < $1.key }.map { _, group in
      EndpointHolder(role, group[0].process, descriptors: group.map(\.file.number).sorted(), ids: ids)
    }
  }

  /// `2026-11-26 22:58:13`: localtime_r(3).
  private static func time(_ seconds: Int) -> String {
    var instant = time_t(seconds)
    var parts = unsafe tm()
    unsafe localtime_r(&instant, &parts)
    func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
    return unsafe "\(parts.tm_year + 1900)-\(two(parts.tm_mon + 1))-\(two(parts.tm_mday)) "
      + "\(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec))"
  }
}

/// The two ends of something that processes share, and where they were found.
struct EndpointsFound: Encodable {
  let mechanism: String
  let address: String?
  let name: String
  var ids: [String: ObjectID] = [:]
  var holders: [EndpointHolder] = []
  /// What couldn't be found out, in words.
  var remarks: [String] = []
  /// Of the inspected process, with `--pid`: its descriptor, and what it does with it.
  var descriptor: Int32?
  var access: String?

  enum CodingKeys: String, CodingKey {
    case mechanism, address, name, ids, bytes, owner, alive, attached, processes, remarks, descriptor, access
  }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(mechanism, forKey: .mechanism)
    try container.encode(address, forKey: .address)
    try container.encode(name, forKey: .name)
    try container.encode(ids, forKey: .ids)
    try container.encodeNil(forKey: .bytes)
    try container.encodeNil(forKey: .owner)
    try container.encode(!holders.isEmpty, forKey: .alive)
    try container.encode(Array(Set(holders.map(\.process))).sorted(), forKey: .attached)
    try container.encode(holders, forKey: .processes)
    try container.encode(remarks, forKey: .remarks)
    try container.encodeIfPresent(descriptor, forKey: .descriptor)
    try container.encodeIfPresent(access, forKey: .access)
  }
}
