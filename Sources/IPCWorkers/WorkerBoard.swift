import IPC
import SystemCalls

/// Memory that the coordinator and one worker share. The worker writes in it which job it begins: when it dies, the coordinator
/// knows which of the jobs that it had were begun. The coordinator writes in it which jobs aren't to be begun any more.
///
/// A job costs the worker a store and a load. The coordinator reads it only when a worker has died or a job is cancelled.
final class WorkerBoard: Sendable {
  /// The variable with the number of its descriptor in the worker.
  private static let variable = "SWIFT_IPC_POOL_BOARD"
  /// The number of the first descriptor that a child gets as it is.
  private static let firstDescriptor = 4
  /// The words, and behind them the numbers of jobs that were withdrawn, each at its remainder by the number of slots.
  private static let slotsOffset = 64
  /// The most jobs that a worker may have at a time, so that no two of them share a slot.
  static let mostJobs = 65_536
  /// Before the worker has written anything.
  private static let unknown = UInt64.max

  private let memory: MemoryMapping
  private let begunWord: SharedCounter
  /// Not 0: a job was withdrawn, once.
  private let withdrawn: SharedCounter
  /// Not 0: a worker that reads that a job isn't withdrawn has written before that it begins it, for every process to see.
  private let strict: SharedCounter
  private let slots: Int

  private init(_ memory: consuming MemoryMapping) {
    unsafe begunWord = SharedCounter(memory.bytes, at: 0)
    unsafe withdrawn = SharedCounter(memory.bytes, at: 8)
    unsafe strict = SharedCounter(memory.bytes, at: 16)
    unsafe slots = (memory.bytes.count - Self.slotsOffset) / 8
    self.memory = memory
  }

  // MARK: The coordinator

  /// Creates the memory, and passes it to a worker that is about to be started.
  /// - Parameters:
  ///   - jobs: how many the worker may have at a time, up to ``mostJobs``.
  ///   - isStrict: a job that is neither withdrawn in time nor begun in ``begun`` doesn't exist.
  static func pass(
    to spawn: inout Spawn, jobs: Int, isStrict: Bool
  ) throws(SystemError) -> (board: WorkerBoard, file: OpenFile)? {
    let bytes = slotsOffset + 8 * max(1, min(jobs, mostJobs))
    guard MemoryFile.isAllowed(bytes: bytes) else { return nil }
    let file = try MemoryFile.memfdCreate()
    try MemoryFile.ftruncate(file, bytes: bytes)
    try MemoryFile.fcntl(addSeals: file)
    let board = WorkerBoard(try MemoryMapping(mmap: file, bytes: bytes))
    board.begunWord.store(unknown)
    board.strict.store(isStrict ? 1 : 0)
    spawn.environment[variable] = "\(firstDescriptor + spawn.descriptors.count)"
    spawn.descriptors.append(file.raw)
    return (board, OpenFile(file))
  }

  /// Keeps the memory's descriptor until the worker has it.
  final class OpenFile {
    private let descriptor: Descriptor
    fileprivate init(_ descriptor: consuming Descriptor) { self.descriptor = descriptor }
  }

  /// The number of the job that the worker has begun last, 0 if none; nil: it doesn't say.
  var begun: UInt64? {
    let number = begunWord.load()
    return number == Self.unknown ? nil : number
  }

  /// Tells the worker not to begin a job.
  func withdraw(_ job: UInt64) {
    slot(job).store(job)
    withdrawn.store(1)
  }

  /// The number isn't that job's any more.
  func restore(_ job: UInt64) { slot(job).store(0) }

  private func slot(_ job: UInt64) -> SharedCounter {
    unsafe SharedCounter(memory.bytes, at: Self.slotsOffset + 8 * Int(job % UInt64(slots)))
  }

  // MARK: The worker

  /// The memory that this process was started with.
  static func inherited() -> WorkerBoard? {
    guard let number = Processes.variable(variable).flatMap({ Int32($0) }), Streams.isOpen(number) else {
      return nil
    }
    let file = Descriptor(owning: number)
    guard let memory = try? MemoryMapping(mmap: file, atLeast: slotsOffset + 8) else { return nil }
    let board = WorkerBoard(memory)
    board.begunWord.store(0)
    return board
  }

  /// A job begins; false: it was withdrawn, and doesn't.
  @inline(__always) func begins(_ job: UInt64) -> Bool {
    begunWord.store(job)
    return withdrawn.load() == 0 && strict.load() == 0 || isWanted(job)
  }

  @inline(never) private func isWanted(_ job: UInt64) -> Bool {
    if strict.load() != 0 { sharedMemoryFence() }
    return withdrawn.load() == 0 || slot(job).load() != job
  }
}
