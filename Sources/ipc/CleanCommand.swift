import Glibc
import IPC
import Measurement
import SystemCalls

/// `ipc clean`: removes what no process uses.
enum CleanCommand: Command {
  static let name = "clean"
  static let summary = "remove what no process uses"
  static let example = """
    ipc clean --dry-run
    ipc clean
    ipc clean queue:jobs shm:131076
    """
  static let usage = "ipc clean [--dry-run] [NAME…] [--json]"
  static let removesLeftovers = false
  static let details = """
    Removes what processes that were killed have left: every channel of the registry that no process has open, with its
    kernel objects. With names, only those; nothing that a process has open is removed. What other programs have made is
    removed only by its name:

      queue:jobs     a channel by its address, without options; anonymous:KEY, one without a name
      msg:ID         a System V message queue, sem:ID a set of semaphores, shm:ID a segment that no process has attached
      mq:/NAME       a POSIX message queue that no process is known to have open

    ipc list prints these names. Of a System V queue or set the kernel doesn't say which processes use it.

      --dry-run   only say what would be removed
      --json      one JSON document
    """

  private struct Document: Encodable {
    let objects: [ObjectRow]
    let dryRun: Bool

    enum CodingKeys: String, CodingKey {
      case objects
      case dryRun = "dry_run"
    }
  }

  static func run(_ arguments: inout Arguments) throws {
    let dryRun = arguments.flag("--dry-run")
    let json = arguments.flag("--json")
    let names = try arguments.rest()
    for name in names where !isName(name) {
      throw Failure.call(
        "\"\(PlainText.short(name))\" is no name of an object: write an address such as queue:jobs, or anonymous:KEY, msg:ID, sem:ID, shm:ID or mq:/NAME, as ipc list prints them"
      )
    }
    let scan = ProcessScan()
    var failure: ChannelError?
    let objects = ExistingObject.all(scan) { failure = $0 }
    var rows: [ObjectRow] = []
    var failures: [String] = []
    if names.isEmpty {
      for object in objects {
        guard case .entry(let item) = object.origin else { continue }
        clean(object, item, dryRun, isNamed: false, &rows, &failures)
      }
    }
    var seen: Set<String> = []
    for name in names where seen.insert(name).inserted {
      guard let object = objects.first(where: { $0.name == name }) else {
        failures.append(missing(name, objects))
        continue
      }
      switch object.origin {
      case .entry(let item): clean(object, item, dryRun, isNamed: true, &rows, &failures)
      case .systemV(let entry): clean(object, entry, dryRun, &rows, &failures)
      case .queue(let queue): clean(object, queue: queue, dryRun, &rows, &failures)
      }
    }
    if json {
      try JSONOutput.print(Document(objects: rows, dryRun: dryRun))
    } else {
      for row in rows where row.error == nil { Terminal.print(said(row.object, dryRun)) }
      if rows.isEmpty, failures.isEmpty, failure == nil { Terminal.print("nothing to remove") }
    }
    for failure in failures { Terminal.error(failure) }
    if let failure { throw failure }
    if !failures.isEmpty { throw Failure.work("") }
  }

  private static func isName(_ name: String) -> Bool {
    // An entry's file is named after it.
    name.utf8.count <= 4096 && name.contains(":") && !name.hasSuffix(":") && !name.hasPrefix(":")
  }

  /// `removed queue:jobs: queue 3, segment 5`.
  private static func said(_ object: ExistingObject, _ dryRun: Bool) -> String {
    let ids = object.ids.map { "\($0.key) \($0.value.text)" }.joined(separator: ", ")
    let remarks = object.remarks.isEmpty ? "" : " (\(object.remarks.joined(separator: "; ")))"
    let what = ids.isEmpty ? "no kernel objects" : ids
    return Terminal.layout.wrapped(
      "\(dryRun ? "would remove" : "removed") \(PlainText.short(object.name)): \(what)\(remarks)")
  }

  // MARK: One by one

  private static func clean(
    _ object: ExistingObject, _ item: RegistryItem, _ dryRun: Bool, isNamed: Bool,
    _ rows: inout [ObjectRow], _ failures: inout [String]
  ) {
    guard item.state == .unused else {
      if isNamed { fail(object, kept(object, item.state), &rows, &failures) }
      return
    }
    do throws(ChannelError) {
      // Nil: a process has opened it meanwhile, or another has removed it.
      guard try Leftovers.remove(item, dryRun: dryRun) != nil else { return }
      add(object, dryRun, &rows)
    } catch {
      fail(
        object,
        "can't be removed: \(error.description): make the directory writable, then run ipc clean again",
        &rows,
        &failures)
    }
  }

  private static func kept(_ object: ExistingObject, _ state: RegistryItem.State) -> String {
    switch state {
    case .used: inUse(object)
    case .locked: "is being opened or closed: try again"
    case .ofOtherNamespace: "has its kernel objects in another IPC namespace: run ipc clean there"
    case .notOurs, .unused:
      "isn't touched, since this library didn't make it (\(object.remarks.joined(separator: "; "))): remove it by hand"
    }
  }

  private static func inUse(_ object: ExistingObject) -> String {
    guard !object.attached.isEmpty else { return "is in use by processes of other users: end them first" }
    let processes = object.attached.map { id in
      "\(PlainText.short(ProcessFiles.status(id)?.command ?? "?")) \(id)"
    }
    return "is in use by \(processes.joined(separator: ", ")): end what uses it first; ipc who shows more"
  }

  private static func clean(
    _ object: ExistingObject, _ entry: SystemVTable.Entry, _ dryRun: Bool, _ rows: inout [ObjectRow],
    _ failures: inout [String]
  ) {
    // Marked for removal already: the kernel removes it with its last attachment.
    if object.alive == true { return fail(object, inUse(object), &rows, &failures) }
    let user = CurrentProcess.user
    guard user == 0 || user == entry.owner || user == entry.creator else {
      return fail(object, othersObject(object), &rows, &failures)
    }
    guard !dryRun else { return add(object, dryRun, &rows) }
    do throws(SystemError) {
      switch entry.kind {
      case .queue: try MessageQueues.msgctl(remove: entry.id)
      case .set: try Semaphores.semctl(remove: entry.id)
      case .segment: try Segment.shmctl(remove: entry.id)
      }
      add(object, dryRun, &rows)
    } catch {
      fail(object, refused(object, error), &rows, &failures)
    }
  }

  private static func clean(
    _ object: ExistingObject, queue: String, _ dryRun: Bool, _ rows: inout [ObjectRow],
    _ failures: inout [String]
  ) {
    if !object.attached.isEmpty { return fail(object, inUse(object), &rows, &failures) }
    guard CurrentProcess.user == 0 || CurrentProcess.user == object.owner.uid else {
      return fail(object, othersObject(object), &rows, &failures)
    }
    guard !dryRun else { return add(object, dryRun, &rows) }
    do throws(SystemError) {
      try POSIXQueues.mqUnlink(queue)
      add(object, dryRun, &rows)
    } catch {
      fail(object, refused(object, error), &rows, &failures)
    }
  }

  private static func add(_ object: ExistingObject, _ dryRun: Bool, _ rows: inout [ObjectRow]) {
    var row = ObjectRow(object)
    row.removed = !dryRun
    rows.append(row)
  }

  private static func fail(
    _ object: ExistingObject, _ why: String, _ rows: inout [ObjectRow], _ failures: inout [String]
  ) {
    var row = ObjectRow(object)
    row.removed = false
    row.error = why
    rows.append(row)
    failures.append("\(PlainText.short(object.name)) \(why)")
  }

  private static func othersObject(_ object: ExistingObject) -> String {
    "belongs to \(PlainText.short(object.owner.user ?? "user \(object.owner.uid)")): only that user, or root, can remove it"
  }

  private static func refused(_ object: ExistingObject, _ error: SystemError) -> String {
    error.number == EPERM || error.number == EACCES
      ? othersObject(object) : "can't be removed: \(error.description)"
  }

  private static func missing(_ name: String, _ objects: [ExistingObject]) -> String {
    // An object that an entry records goes with its channel.
    let owner = objects.first { object in
      guard case .entry(let item) = object.origin else { return false }
      return item.objects.contains { "\(ExistingObject.table(of: $0.key)):\($0.value)" == name }
        || item.queue.map { "mq:\($0)" } == name
    }
    if let owner {
      return
        "\(PlainText.short(name)) is part of the channel \(PlainText.short(owner.name)): write ipc clean \(PlainText.short(owner.name))"
    }
    return "there is no \(PlainText.short(name)): ipc list shows what there is"
  }
}
