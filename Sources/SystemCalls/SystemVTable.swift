/// Every System V object of this IPC namespace, also those of other users: /proc/sysvipc (sysvipc(7)).
package enum SystemVTable {
  /// The raw value is the name of the table.
  package enum Kind: String, CaseIterable, Sendable {
    case queue = "msg", set = "sem", segment = "shm"
  }

  package struct Entry: Sendable {
    package let kind: Kind
    package let id: Int32
    package let key: Int32
    package let owner: UInt32
    package let creator: UInt32
    /// When it was created, or its limits or values were set last: seconds of CLOCK_REALTIME.
    package let changed: Int
    /// Of a segment; of the messages that wait in a queue.
    package let bytes: Int?
    /// Messages in a queue.
    package let messages: Int?
    /// Semaphores in a set.
    package let count: Int?
    /// How often a segment is attached.
    package let attachments: Int?
    /// Whether a segment goes with its last attachment.
    package let isRemoved: Bool
    /// The process that created a segment.
    package let maker: Int32?
    /// The processes that sent to a queue, and received from it, last.
    package let lastSender: Int32?, lastReceiver: Int32?
  }

  /// SHM_DEST, as the column of permissions shows it.
  private static let removedFlag = 0o1000

  /// Those of one kind. A table that isn't there (a kernel without System V IPC, no /proc) is empty.
  package static func entries(_ kind: Kind) -> [Entry] {
    let lines = ((try? Files.readText("/proc/sysvipc/\(kind.rawValue)")) ?? "").split(separator: "\n")
    guard let header = lines.first?.split(separator: " ") else { return [] }
    return lines.dropFirst().compactMap { line in
      let words = line.split(separator: " ")
      guard words.count == header.count else { return nil }
      let fields = Dictionary(zip(header, words)) { first, _ in first }
      return entry(kind) { fields[$0[...]] }
    }
  }

  private static func entry(_ kind: Kind, _ field: (String) -> Substring?) -> Entry? {
    func number(_ name: String) -> Int? { field(name).flatMap { Int($0) } }
    func process(_ name: String) -> Int32? { number(name).flatMap { $0 > 0 ? Int32($0) : nil } }
    guard let id = number(kind.rawValue == "msg" ? "msqid" : "\(kind.rawValue)id"),
      let key = number("key"), let owner = number("uid"), let creator = number("cuid"),
      let changed = number("ctime")
    else { return nil }
    let mode = field("perms").flatMap { Int($0, radix: 8) } ?? 0
    return Entry(
      kind: kind, id: Int32(id), key: Int32(truncatingIfNeeded: key), owner: UInt32(owner),
      creator: UInt32(creator), changed: changed, bytes: number("size") ?? number("cbytes"),
      messages: number("qnum"), count: number("nsems"), attachments: number("nattch"),
      isRemoved: kind == .segment && mode & removedFlag != 0, maker: process("cpid"),
      lastSender: process("lspid"), lastReceiver: process("lrpid"))
  }
}
