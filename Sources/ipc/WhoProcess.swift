import IPC
import Measurement
import SystemCalls

/// Finds the processes at the other end of every pipe, FIFO and socket of one process.
struct WhoProcess {
  let scan: ProcessScan

  func find(_ id: Int32) throws -> [EndpointsFound] {
    guard let process = scan.process(id) else {
      guard let status = ProcessFiles.status(id) else {
        throw Failure.work("there is no process \(id): ps -e lists those that there are")
      }
      if status.isZombie { throw Failure.work("process \(id) has ended, and has nothing open any more") }
      let user = Users.name(status.user) ?? "user \(status.user)"
      throw Failure.work(
        "process \(id) belongs to \(PlainText.short(user)) and can't be looked at: run ipc who as that user, or as root"
      )
    }
    let sockets = UnixSockets.all().sockets
    let unix = Dictionary(sockets.map { ($0.inode, $0) }) { $1 }
    let tcp = TCPSockets.all()
    return process.files.compactMap { file in
      switch file.kind {
      case .fifo: pipe(file, id)
      case .socket: unix[file.inode].map { socket(file, $0, sockets) } ?? socket(file, tcp)
      default: nil
      }
    }
  }

  private func found(_ file: ProcessFiles.OpenFile, _ mechanism: String, _ name: String) -> EndpointsFound {
    var found = EndpointsFound(
      mechanism: mechanism, address: name.hasPrefix("/") ? "\(mechanism):\(name)" : nil, name: name,
      ids: ["inode": .number(Int(file.inode))])
    found.descriptor = file.number
    found.access =
      switch file.access {
      case .read: "reads"
      case .write: "writes"
      case .readWrite: "both"
      }
    return found
  }

  /// At the other end of a read end are those that can write, and the reverse.
  private func pipe(_ file: ProcessFiles.OpenFile, _ id: Int32) -> EndpointsFound {
    let isNamed = file.target.hasPrefix("/")
    var found = found(file, isNamed ? "fifo" : "pipe", file.target)
    let holders = scan.holders(device: file.device, inode: file.inode)
    let others = holders.filter { $0.process.id != id || $0.file.number != file.number }
    if file.access != .write {
      found.holders += EndpointHolder.all("writes", others.filter { $0.file.access != .read })
    }
    if file.access != .read {
      found.holders += EndpointHolder.all("reads", others.filter { $0.file.access != .write })
    }
    return found
  }

  private func socket(
    _ file: ProcessFiles.OpenFile, _ socket: UnixSockets.Entry, _ all: [UnixSockets.Entry]
  ) -> EndpointsFound {
    let peer = socket.peer.flatMap { inode in all.first { $0.inode == inode } }
    var found = found(file, "unix", socket.name ?? peer?.name ?? file.target)
    if socket.listens { found.remarks.append("listens") }
    if let peer = socket.peer {
      found.holders = EndpointHolder.all("peer", scan.holders(sockets: [peer]))
    }
    return found
  }

  private func socket(_ file: ProcessFiles.OpenFile, _ all: [TCPSockets.Entry]) -> EndpointsFound {
    guard let socket = all.first(where: { $0.inode == file.inode }) else {
      return found(file, "socket", file.target)
    }
    guard !socket.listens else {
      var found = found(file, "tcp", socket.local.text)
      found.remarks.append("listens")
      return found
    }
    var found = found(file, "tcp", "\(socket.local.text) \(socket.remote.text)")
    let peers = all.filter { $0.local == socket.remote && $0.remote == socket.local && $0.inode != 0 }
    found.holders = EndpointHolder.all("peer", scan.holders(sockets: Set(peers.map(\.inode))))
    if peers.isEmpty { found.remarks.append("the other end is on another machine, or has closed") }
    return found
  }
}
