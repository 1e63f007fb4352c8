package import SystemCalls

/// The processes of this machine, and what of IPC each has open, at one moment.
package struct ProcessScan: Sendable {
  package struct Process: Sendable {
    package let id: Int32
    package let status: ProcessFiles.Status
    package let files: [ProcessFiles.OpenFile]
    /// The System V segments that it has attached, if it is in this process's IPC namespace.
    package let segments: Set<Int32>
  }

  /// How a process has a pipe, FIFO, queue or memory open.
  package struct Holder: Sendable {
    package let process: Process
    package let file: ProcessFiles.OpenFile
  }

  package let processes: [Process]
  /// How many processes this user may not look at.
  package let unreadable: Int

  private let holders: [FileID: [(process: Int, file: ProcessFiles.OpenFile)]]

  private struct FileID: Hashable {
    let device: UInt64
    let inode: UInt64
  }

  /// Looks at all of them.
  package init() {
    var processes: [Process] = []
    var unreadable = 0
    for id in ProcessFiles.ids() {
      guard let status = ProcessFiles.status(id), !status.isKernel, !status.isZombie else { continue }
      do throws(SystemError) {
        processes.append(try Self.look(id, status))
      } catch {
        // One that has ended meanwhile has nothing any more.
        if !error.meansMissing { unreadable += 1 }
      }
    }
    self.processes = processes
    self.unreadable = unreadable
    var holders: [FileID: [(process: Int, file: ProcessFiles.OpenFile)]] = [:]
    for (index, process) in processes.enumerated() {
      for file in process.files {
        holders[FileID(device: file.device, inode: file.inode), default: []].append((index, file))
      }
    }
    self.holders = holders
  }

  /// One process.
  /// - Throws: EACCES where it is another user's.
  private static func look(_ id: Int32, _ status: ProcessFiles.Status) throws(SystemError) -> Process {
    let files = try ProcessFiles.openFiles(id)
    let isHere = ProcessFiles.ipcNamespace(id) == IPCNamespace.number
    return Process(
      id: id, status: status, files: files,
      segments: isHere ? (try? ProcessFiles.attachedSegments(id)) ?? [] : [])
  }

  /// The process with an id, if it could be looked at.
  package func process(_ id: Int32) -> Process? { processes.first { $0.id == id } }

  /// The processes that have a file open, once for each of their descriptors.
  package func holders(device: UInt64, inode: UInt64) -> [Holder] {
    (holders[FileID(device: device, inode: inode)] ?? []).map {
      Holder(process: processes[$0.process], file: $0.file)
    }
  }

  /// The processes that have the file at a path open.
  package func holders(of path: String) -> [Holder] {
    guard let status = try? Files.stat(path) else { return [] }
    return holders(device: status.device, inode: status.inode)
  }

  /// The processes that have one of these sockets.
  package func holders(sockets: Set<UInt64>) -> [Holder] {
    processes.flatMap { process in
      process.files.filter { $0.kind == .socket && sockets.contains($0.inode) }.map {
        Holder(process: process, file: $0)
      }
    }
  }

  /// The processes that have a System V segment attached.
  package func attached(segment id: Int32) -> [Process] {
    processes.filter { $0.segments.contains(id) }
  }
}
