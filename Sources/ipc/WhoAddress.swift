import Glibc
import IPC
import Measurement
import SystemCalls

/// Finds the processes at both ends of an address.
struct WhoAddress {
  let scan: ProcessScan
  /// Above what a name can have; longer ones aren't worth showing.
  private let mostBytesOfName = 200

  init(scan: ProcessScan) { self.scan = scan }

  /// - Throws: a sentence if there is no such thing.
  func find(_ text: String) throws -> EndpointsFound {
    if let object = try kernelObject(text) { return object }
    let address = try Address(text)
    let mechanism = address.mechanism
    switch mechanism {
    case .fifo: return try fifo(text, address)
    case .unix, .memfd: return try unix(text, address)
    case .tcp: return try tcp(text, address)
    case .pipe, .eventfd, .popen:
      throw Failure.call(
        "\(mechanism.name): this mechanism has no names that other processes know: ipc who --pid N shows the pipes of a process"
      )
    default: return try registered(text, address)
    }
  }

  private func missing(_ text: String, _ why: String) -> Failure {
    .work("\(PlainText.short(text)): \(why)")
  }

  // MARK: The registry

  /// The senders hold one of the entry's FIFOs open for writing, the receivers the other.
  private func registered(_ text: String, _ address: Address) throws -> EndpointsFound {
    guard address.target.utf8.count <= mostBytesOfName else {
      throw Failure.call(
        "invalid name \"\(PlainText.short(address.target))\": a name has at most 100 bytes, such as \(address.mechanism.name):jobs"
      )
    }
    guard let item = try RegistryItem.find(address.mechanism, address.target) else {
      throw missing(text, "there is no channel of this name: ipc list shows which there are")
    }
    var found = EndpointsFound(
      mechanism: address.mechanism.name, address: item.name, name: item.name,
      ids: item.objects.mapValues { .number(Int($0)) })
    if let queue = item.queue { found.ids["name"] = .name(queue) }
    let ids = Set(item.objects.values)
    for (role, path) in [("receiver", item.receiversPath), ("sender", item.sendersPath)] {
      let holders = scan.holders(of: path).filter { $0.file.access == .write }
      found.holders += EndpointHolder.all(role, holders, ids: ids)
    }
    found.remarks = item.remarks
    if item.state == .unused { found.remarks.append("no process has it open: ipc clean removes it") }
    return found
  }

  /// `anonymous:KEY`, `shm:ID`, `msg:ID`, `mq:/NAME`; nil: none of these.
  private func kernelObject(_ text: String) throws -> EndpointsFound? {
    let prefixes = ["anonymous:"] + SystemVTable.Kind.allCases.map { $0.rawValue + ":" } + ["mq:"]
    guard prefixes.contains(where: { text.hasPrefix($0) }) else { return nil }
    guard let object = ExistingObject.all(scan).first(where: { $0.name == text }) else {
      throw missing(text, "there is no such object: ipc list shows what there is")
    }
    var found = EndpointsFound(
      mechanism: object.mechanism ?? "", address: nil, name: text,
      ids: Dictionary(object.ids.map { ($0.key, $0.value) }) { $1 }, remarks: object.remarks)
    let ids = Set(
      object.ids.compactMap { id in
        if case .number(let number) = id.value { Int32(exactly: number) } else { nil }
      })
    found.holders = object.attached.compactMap { id in
      scan.process(id).map { EndpointHolder("attached", $0, descriptors: [], ids: ids) }
    }
    if case .systemV(let entry) = object.origin, entry.kind != .segment {
      for (role, id) in [("last sender", entry.lastSender), ("last receiver", entry.lastReceiver)] {
        guard let process = id.flatMap({ scan.process($0) }) else { continue }
        found.holders.append(EndpointHolder(role, process, descriptors: [], ids: ids))
      }
      found.remarks.append(
        "the kernel doesn't record which processes use a System V queue or set, only the last of a queue")
    }
    return found
  }

  // MARK: Files

  private func fifo(_ text: String, _ address: Address) throws -> EndpointsFound {
    let path = try address.path()
    let status = try status(path, .fifo, text)
    let holders = scan.holders(device: status.device, inode: status.inode)
    return EndpointsFound(
      mechanism: address.mechanism.name, address: text, name: text,
      holders: EndpointHolder.all("receiver", holders.filter { $0.file.access != .write })
        + EndpointHolder.all("sender", holders.filter { $0.file.access != .read }))
  }

  private func status(_ path: String, _ kind: Files.Kind, _ text: String) throws -> Files.Status {
    let status: Files.Status
    do throws(SystemError) {
      status = try Files.stat(path)
    } catch {
      throw missing(text, "\(error.description): check the path")
    }
    guard status.kind == kind else {
      throw missing(
        text, "there is no \(kind == .fifo ? "FIFO" : "socket") at this path, but another kind of file")
    }
    return status
  }

  // MARK: Sockets

  /// The receiver has the listening socket and one for each sender; what is connected to these are the senders'.
  private func unix(_ text: String, _ address: Address) throws -> EndpointsFound {
    let path = try address.path()
    let status = try status(path, .socket, text)
    let (sockets, tellsPeers) = UnixSockets.all()
    let last = path.split(separator: "/").last
    let bound = sockets.filter { socket in
      guard let name = socket.name else { return false }
      return name == path || (socket.file == status.inode && name.split(separator: "/").last == last)
    }
    guard !bound.isEmpty else {
      throw missing(
        text, "no process listens at this path: what made the file has ended; the next receiver removes it")
    }
    var found = EndpointsFound(mechanism: address.mechanism.name, address: text, name: text)
    let receivers = scan.holders(sockets: Set(bound.map(\.inode)))
    found.holders = EndpointHolder.all("receiver", receivers)
    if address.mechanism == .memfd {
      found.holders += EndpointHolder.all("sender", sharers(of: receivers))
    } else {
      // Its own socket too, of a connection that isn't accepted yet.
      let peers = Set(bound.compactMap(\.peer))
      let ends = peers.union(
        sockets.filter { $0.peer.map { peer in bound.contains { $0.inode == peer } } ?? false }.map(\.inode)
      )
      .subtracting(bound.map(\.inode))
      found.holders += EndpointHolder.all("sender", scan.holders(sockets: ends))
    }
    if !tellsPeers {
      found.remarks.append(
        "this kernel doesn't tell which sockets are connected (sock_diag): only the receiver is shown")
    }
    return found
  }

  /// The processes that have the same memory open as the receivers: the socket only carried it.
  private func sharers(of receivers: [ProcessScan.Holder]) -> [ProcessScan.Holder] {
    let ids = Set(receivers.map(\.process.id))
    let memory = receivers.flatMap(\.process.files).filter { $0.target.hasPrefix("/memfd:") }
    return memory.flatMap { scan.holders(device: $0.device, inode: $0.inode) }.filter {
      !ids.contains($0.process.id)
    }
  }

  private func tcp(_ text: String, _ address: Address) throws -> EndpointsFound {
    let target = address.target
    guard let colon = target.lastIndex(of: ":"), let port = Int(target[target.index(after: colon)...]),
      (1...65535).contains(port)
    else { throw Failure.call("\(PlainText.short(text)): write tcp:HOST:PORT, such as tcp:localhost:7000") }
    var host = String(target[..<colon])
    if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
    let places: [TCPSockets.Place]
    do throws(SystemError) {
      places = try TCPSockets.places(host: host, port: port)
    } catch {
      throw missing(text, "the host can't be looked up: \(error.description)")
    }
    guard !places.isEmpty else { throw missing(text, "there is no such host: check its name") }
    let sockets = TCPSockets.all()
    let here = sockets.filter { socket in
      socket.local.port == port
        && (socket.local.isAnyHost || places.contains { $0.isAnyHost || $0 == socket.local })
    }
    // A port on another machine, to which processes here are connected.
    let towards = sockets.filter { socket in
      places.contains(socket.remote)
        || here.contains { !$0.listens && $0.local == socket.remote && $0.remote == socket.local }
    }
    guard !here.isEmpty || !towards.isEmpty else {
      throw missing(text, "no process listens at this port or is connected to it, in this network namespace")
    }
    var found = EndpointsFound(mechanism: address.mechanism.name, address: text, name: text)
    found.holders =
      EndpointHolder.all("receiver", scan.holders(sockets: Set(here.map(\.inode))))
      + EndpointHolder.all("sender", scan.holders(sockets: Set(towards.map(\.inode))))
    if here.isEmpty { found.remarks.append("the other end is on another machine") }
    return found
  }
}
