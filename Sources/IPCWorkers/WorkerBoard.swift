import IPC
import SystemCalls

/// A page that the coordinator and one worker share: the worker writes in it which job it begins. When it dies, the
/// coordinator knows which of the jobs that it had were begun.
///
/// Writing costs a store, and no call. The coordinator reads only what it needs when something has happened.
final class WorkerBoard: Sendable {
  /// The variable with the number of the page's descriptor in the worker.
  private static let variable = "SWIFT_IPC_POOL_BOARD"
  /// The number of the first descriptor that a child gets as it is.
  private static let firstDescriptor = 4
  private static let bytes = 64
  /// Before the worker has written anything.
  private static let unknown = UInt64.max

  private let memory: MemoryMapping
  private let begunWord: SharedCounter

  private init(_ memory: consuming MemoryMapping) {
    unsafe begunWord = SharedCounter(memory.bytes, at: 0)
    self.memory = memory
  }

  // MARK: The coordinator

  /// Creates a page, and passes it to a worker that is about to be started with `start`.
  static func pass(
    to spawn: inout Spawn
  ) throws(SystemError) -> (board: WorkerBoard, file: OpenFile)? {
    guard MemoryFile.isAllowed(bytes: bytes) else { return nil }
    let file = try MemoryFile.memfdCreate()
    try MemoryFile.ftruncate(file, bytes: bytes)
    try MemoryFile.fcntl(addSeals: file)
    let board = WorkerBoard(try MemoryMapping(mmap: file, bytes: bytes))
    board.begunWord.store(unknown)
    spawn.environment[variable] = "\(firstDescriptor + spawn.descriptors.count)"
    spawn.descriptors.append(file.raw)
    return (board, OpenFile(file))
  }

  /// Keeps the page's descriptor until the worker has it.
  final class OpenFile {
    private let descriptor: Descriptor
    fileprivate init(_ descriptor: consuming Descriptor) { self.descriptor = descriptor }
  }

  /// The number of the job that the worker has begun last, 0 if none; nil: it doesn't say.
  var begun: UInt64? {
    let number = begunWord.load()
    return number == Self.unknown ? nil : number
  }

  // MARK: The worker

  /// The page that this process was started with.
  static func inherited() -> WorkerBoard? {
    guard let number = Processes.variable(variable).flatMap({ Int32($0) }), Streams.isOpen(number) else {
      return nil
    }
    let file = Descriptor(owning: number)
    guard let memory = try? MemoryMapping(mmap: file, atLeast: bytes) else { return nil }
    let board = WorkerBoard(memory)
    board.begunWord.store(0)
    return board
  }

  /// A job begins.
  @inline(__always) func begins(_ job: UInt64) { begunWord.store(job) }
}
