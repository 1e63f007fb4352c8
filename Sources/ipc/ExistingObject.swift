import IPC
import Measurement
import SystemCalls

/// Something of IPC that exists on this machine: a channel that the registry records, or a kernel object that it doesn't.
struct ExistingObject {
  enum Origin {
    case entry(RegistryItem)
    case systemV(SystemVTable.Entry)
    /// A POSIX queue that no entry records.
    case queue(String)
  }

  /// Who made it, as far as the kernel tells.
  struct Owner: Encodable {
    let uid: UInt32
    let user: String?
    /// The process that made it, where that still lives.
    var process: Int32?
    var command: String?

    init(_ uid: UInt32) {
      self.uid = uid
      user = Users.name(uid)
    }

    /// `root`, or `root: ipc 1234`.
    var text: String {
      let user = PlainText.short(user ?? "\(uid)")
      guard let process, let command else { return user }
      return "\(user): \(PlainText.short(command)) \(process)"
    }
  }

  let origin: Origin
  /// What `ipc clean` calls it.
  let name: String
  let mechanism: String?
  /// Of a channel with a name.
  let address: String?
  /// The kernel's ids, as words for the table and for JSON.
  let ids: [(key: String, value: ObjectID)]
  let bytes: Int?
  let depth: Int?
  let seconds: Int?
  let owner: Owner
  /// One word, for the table.
  let state: String
  /// Nil: the kernel doesn't tell.
  let alive: Bool?
  let attached: [Int32]
  let remarks: [String]

  /// Whether a channel of the library.
  var isEntry: Bool {
    if case .entry = origin { true } else { false }
  }
}

/// A number, or the name of a POSIX queue.
enum ObjectID: Encodable {
  case number(Int)
  case name(String)

  var text: String {
    switch self {
    case .number(let number): String(number)
    case .name(let name): PlainText.short(name)
    }
  }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    switch self {
    case .number(let number): try container.encode(number)
    case .name(let name): try container.encode(name)
    }
  }
}

extension ExistingObject {
  /// Everything: first the entries, then what none of them records.
  ///
  /// - Parameter failed: hears why the registry can't be read.
  static func all(_ scan: ProcessScan, failed: (ChannelError) -> Void = { _ in }) -> [ExistingObject] {
    var items: [RegistryItem] = []
    do throws(ChannelError) { items = try RegistryItem.all() } catch { failed(error) }
    let tables = SystemVTable.Kind.allCases.flatMap { SystemVTable.entries($0) }
    let entries = items.map { ExistingObject($0, tables, scan) }
    let recorded = Set(items.flatMap { item in item.objects.map { "\(table(of: $0.key)):\($0.value)" } })
    let others = tables.map { ExistingObject($0, scan) }.filter { !recorded.contains($0.name) }
    let queues = Set(items.compactMap(\.queue))
    let unrecorded = POSIXQueueFile.all().filter { !queues.contains($0.name) }
    return entries + others + unrecorded.map { ExistingObject($0, scan) }
  }

  /// The table of System V objects in which an entry's object is.
  static func table(of key: String) -> String {
    switch key {
    case "queue": SystemVTable.Kind.queue.rawValue
    case "segment": SystemVTable.Kind.segment.rawValue
    default: SystemVTable.Kind.set.rawValue
    }
  }

  init(_ item: RegistryItem, _ tables: [SystemVTable.Entry], _ scan: ProcessScan) {
    func object(_ key: String) -> SystemVTable.Entry? {
      item.objects[key].flatMap { id in
        tables.first { $0.id == id && $0.kind.rawValue == Self.table(of: key) }
      }
    }
    let (queue, segment) = (object("queue"), object("segment"))
    let file = item.queue.flatMap { name in POSIXQueueFile(name) }
    var ids = item.objects.sorted { $0.key < $1.key }.map {
      (key: $0.key, value: ObjectID.number(Int($0.value)))
    }
    if let name = item.queue { ids.append(("name", .name(name))) }
    var owner = Owner((try? Files.stat(item.path))?.owner ?? CurrentProcess.user)
    if let segment { owner.find(segment, scan) }
    let processes =
      item.isAnonymous
      ? segment.map { scan.attached(segment: $0.id).map(\.id) } ?? []
      : [item.sendersPath, item.receiversPath].flatMap { path in
        scan.holders(of: path).filter { $0.file.access == .write }.map(\.process.id)
      }
    origin = .entry(item)
    name = item.name
    mechanism = item.mechanism
    address = item.isAnonymous || item.state == .notOurs ? nil : item.name
    self.ids = ids
    bytes = Self.sum([segment?.bytes, queue?.bytes, file?.bytes])
    depth = queue?.messages ?? file?.messages ?? Self.slotsUsed(item)
    seconds = Self.age(item.modified)
    self.owner = owner
    (state, alive) =
      switch item.state {
      case .used: ("alive", true)
      case .locked: ("opening", true)
      case .unused: ("dead", false)
      case .ofOtherNamespace: ("elsewhere", nil)
      case .notOurs: ("no entry", nil)
      }
    attached = Array(Set(processes)).sorted()
    remarks = item.remarks
  }

  private init(_ entry: SystemVTable.Entry, _ scan: ProcessScan) {
    var owner = Owner(entry.owner)
    owner.find(entry, scan)
    origin = .systemV(entry)
    name = "\(entry.kind.rawValue):\(entry.id)"
    let key: String
    (mechanism, key) =
      switch entry.kind {
      case .queue: ("queue", "queue")
      case .set: ("semaphore", "set")
      case .segment: ("memory", "segment")
      }
    address = nil
    ids = [(key, .number(Int(entry.id)))]
    bytes = entry.bytes
    depth = entry.messages
    seconds = Self.age(entry.changed)
    self.owner = owner
    alive = entry.attachments.map { $0 > 0 }
    state = alive.map { $0 ? "alive" : "unused" } ?? "unknown"
    attached = entry.kind == .segment ? scan.attached(segment: entry.id).map(\.id) : []
    remarks = entry.isRemoved ? ["goes with its last process"] : []
  }

  private init(_ file: POSIXQueueFile, _ scan: ProcessScan) {
    origin = .queue(file.name)
    name = "mq:\(file.name)"
    mechanism = "posix-queue"
    address = nil
    ids = [("name", .name(file.name))]
    bytes = file.bytes
    depth = file.messages
    seconds = file.status.map { Self.age($0.modified) } ?? nil
    owner = Owner(file.status?.owner ?? CurrentProcess.user)
    attached = file.holders(scan)
    alive = attached.isEmpty ? (scan.unreadable > 0 ? nil : false) : true
    state = alive.map { $0 ? "alive" : "unused" } ?? "unknown"
    remarks = []
  }

  private static func sum(_ values: [Int?]) -> Int? {
    let known = values.compactMap { $0 }
    return known.isEmpty ? nil : known.reduce(0, +)
  }

  /// The used slots, and the tokens sent: see the page of the wire formats.
  private static func slotsUsed(_ item: RegistryItem) -> Int? {
    guard let set = item.objects["set"] else { return nil }
    return try? Semaphores.semctl(value: set, item.ids["slots"] == nil ? 1 : 3)
  }

  private static func age(_ instant: Int) -> Int {
    max(0, Int(Clock.realtime() / 1_000_000_000) - instant)
  }
}

extension ExistingObject.Owner {
  /// Names the process that made a segment, if it lives: one that began later has its id by now.
  fileprivate mutating func find(_ entry: SystemVTable.Entry, _ scan: ProcessScan) {
    guard let maker = entry.maker, let status = ProcessFiles.status(maker), !status.isZombie,
      status.started <= entry.changed + 1
    else { return }
    process = maker
    command = status.command
  }
}

/// A POSIX queue, by its name.
struct POSIXQueueFile {
  private static let directory = "/dev/mqueue"

  let name: String
  /// Nil: where its names can't be listed, or it has none.
  let status: Files.Status?
  let messages: Int?
  let bytes: Int?

  init?(_ name: String) {
    self.name = name
    status = try? Files.stat(Self.directory + name)
    do throws(SystemError) {
      messages = try POSIXQueues.mqGetattr(waiting: try POSIXQueues.mqOpen(name))
    } catch {
      // Another user's, or one without a name.
      guard status != nil else { return nil }
      messages = nil
    }
    // `QSIZE:129 NOTIFY:0 …`
    let words = ((try? Files.readText(Self.directory + name)) ?? "").split(separator: " ")
    bytes = words.first.flatMap { $0.hasPrefix("QSIZE:") ? Int($0.dropFirst(6)) : nil }
  }

  /// Those with a name, where /dev/mqueue is mounted.
  static func all() -> [POSIXQueueFile] {
    ((try? Files.names(in: directory)) ?? []).sorted().compactMap { POSIXQueueFile("/" + $0) }
  }

  func holders(_ scan: ProcessScan) -> [Int32] {
    guard let status else { return [] }
    return Array(Set(scan.holders(device: status.device, inode: status.inode).map(\.process.id))).sorted()
  }
}

/// An object as JSON has it.
struct ObjectRow: Encodable {
  let object: ExistingObject
  /// Of `ipc clean`.
  var removed: Bool?
  var error: String?

  enum CodingKeys: String, CodingKey {
    case mechanism, address, name, ids, bytes, depth, owner, alive, attached, state, remarks, recorded,
      removed,
      error
    case age = "age_s"
  }

  init(_ object: ExistingObject) { self.object = object }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(object.mechanism, forKey: .mechanism)
    try container.encode(object.address, forKey: .address)
    try container.encode(object.name, forKey: .name)
    try container.encode(
      Dictionary(object.ids.map { ($0.key, $0.value) }) { $1 }, forKey: .ids)
    try container.encode(object.bytes, forKey: .bytes)
    try container.encode(object.depth, forKey: .depth)
    try container.encode(object.seconds, forKey: .age)
    try container.encode(object.owner, forKey: .owner)
    try container.encode(object.alive, forKey: .alive)
    try container.encode(object.attached, forKey: .attached)
    try container.encode(object.state, forKey: .state)
    try container.encode(object.remarks, forKey: .remarks)
    try container.encode(object.isEntry, forKey: .recorded)
    try container.encodeIfPresent(removed, forKey: .removed)
    try container.encodeIfPresent(error, forKey: .error)
  }
}

/// Times as a table shows them.
enum Age {
  private static let minute = 60, hour = 3600, day = 86400

  /// `12 s`, `3 min`, `5 h`, `2 days`.
  static func text(seconds: Int) -> String {
    switch seconds {
    case ..<(2 * minute): "\(seconds) s"
    case ..<(2 * hour): "\(seconds / minute) min"
    case ..<(2 * day): "\(seconds / hour) h"
    default: "\(seconds / day) days"
    }
  }
}
