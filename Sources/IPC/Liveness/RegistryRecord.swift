import SystemCalls

/// What a registry entry says: lines of a key and a value.
struct RegistryRecord {
  /// Of the wire formats.
  let version: Int
  /// How many bytes the file has.
  let bytes: Int
  /// Tells one channel from the next under the same name.
  let run: String
  /// The boot (`/proc/sys/kernel/random/boot_id`) and the IPC namespace in which the objects were made.
  private let boot: String?
  private let namespace: String?
  /// The line of the type; nil: there is none, and any type fits.
  let type: String?
  /// The ids of the channel's objects, and what tells them from others (``KernelObjects``).
  let ids: [String: String]

  private static let firstWord = "swift-ipc"
  /// What every entry begins with, of whichever version.
  static let beginning = firstWord + " "
  private static let runKey = "run", typeKey = "type", bootKey = "boot", namespaceKey = "namespace"

  /// One of this process's.
  init(run: String, ids: [String: String]) {
    version = WireFormat.version
    bytes = 0
    self.run = run
    boot = Self.bootID
    namespace = String(IPCNamespace.number)
    type = nil
    self.ids = ids
  }

  /// Nil: the text isn't an entry. One of another version says its version and, as far as they have the same form, its
  /// objects.
  init?(_ text: String) {
    let lines = text.split(separator: "\n")
    let first = lines.first?.split(separator: " ") ?? []
    guard first.count == 2, first[0].elementsEqual(Self.firstWord), let version = Int(first[1]) else {
      return nil
    }
    var fields: [String: String] = [:]
    for line in lines.dropFirst() {
      // Not by characters: garbage may begin with a scalar that would combine with the space.
      let words = line.unicodeScalars.split(separator: " ", maxSplits: 1).map { String($0) }
      if words.count == 2 || words == [Self.typeKey] { fields[words[0]] = words.count == 2 ? words[1] : "" }
    }
    guard let run = fields.removeValue(forKey: Self.runKey) ?? (version == WireFormat.version ? nil : "")
    else {
      return nil
    }
    self.version = version
    self.run = run
    bytes = text.utf8.count
    boot = fields.removeValue(forKey: Self.bootKey)
    namespace = fields.removeValue(forKey: Self.namespaceKey)
    type = fields.removeValue(forKey: Self.typeKey)
    ids = fields
  }

  /// - Parameter type: what the channel's messages are; nil: any.
  func text(_ type: MessageType?) -> String {
    "\(Self.firstWord) \(version)\n\(Self.runKey) \(run)\n"
      + "\(Self.bootKey) \(boot ?? "")\n\(Self.namespaceKey) \(namespace ?? "")\n" + Self.typeLine(type)
      + ids.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)\n" }.joined()
  }

  static func typeLine(_ type: MessageType?) -> String { type.map { "\(typeKey) \($0.text)\n" } ?? "" }

  /// Whether the objects were made in the boot and the namespace of this process: only then their ids mean anything here.
  var isOfThisSystem: Bool { boot == Self.bootID && namespace == String(IPCNamespace.number) }

  /// Whether its objects ended with an earlier boot of the machine.
  var isOfEarlierBoot: Bool { boot != nil && boot != Self.bootID }

  private static let bootID: String =
    ((try? Files.readText("/proc/sys/kernel/random/boot_id")) ?? "unknown").filter { !$0.isWhitespace }

  /// Removes the objects, if they are this system's.
  func removeObjects() {
    if isOfThisSystem { KernelObjects.remove(ids) }
  }

  /// Compares with what this process is about to open.
  func check(_ mine: MessageType?, _ name: String, _ mechanism: Mechanism) throws(ChannelError) {
    guard version == WireFormat.version else { throw .versionMismatch(version, .open, mechanism) }
    guard let line = type else { return }
    guard let type = MessageType(text: line) else {
      throw ChannelError(
        .typeMismatch, .open, mechanism,
        "the type of \(mechanism.name):\(name) can't be read from its registry entry: close the channel everywhere, and open it again"
      )
    }
    try MessageType.check(mine, type, .open, mechanism)
  }
}
