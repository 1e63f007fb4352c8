public import IPC

/// Outcomes of one batch, as a worker sent them: bytes and small numbers. The caller decodes them, where its types are known.
@usableFromInline final class OutcomeList: @unchecked Sendable {
  /// The outcome of a job.
  @usableFromInline struct Record: Sendable {
    /// The job's index in the ``EncodedJobs`` that it is one of.
    @usableFromInline let job: Int
    /// Its bytes end here in ``bytes``: the output, or the words of a failure.
    @usableFromInline let end: Int
    @usableFromInline let dispatchNanoseconds: UInt64
    @usableFromInline let workNanoseconds: UInt64
    @usableFromInline let attempts: Int
    @usableFromInline let isDone: Bool
  }

  /// Outcomes of jobs that were submitted together.
  @usableFromInline struct Section: Sendable {
    @usableFromInline let jobs: EncodedJobs
    /// Where they end in ``records``.
    @usableFromInline var end: Int
  }

  // One thread fills it; then one thread reads it.
  let batch: JobBatch
  /// The worker's index.
  @usableFromInline let worker: Int
  /// Whether the jobs that the outcomes lead to are accepted.
  let submitsMore: Bool
  @usableFromInline private(set) var bytes: [UInt8] = []
  @usableFromInline private(set) var records: [Record] = []
  @usableFromInline private(set) var sections: [Section] = []
  /// How many workers have had the jobs of the section, with this one.
  private var attempts = 0
  private(set) var workNanoseconds: UInt64 = 0
  /// What isn't a worker's answer, by its place in ``records``.
  @usableFromInline private(set) var failures: [Int: JobFailure] = [:]

  /// A list for the outcomes of a lease.
  init(_ lease: Lease, worker: Int, capacity: Int, submitsMore: Bool = true) {
    batch = lease.batch
    self.worker = worker
    self.submitsMore = submitsMore
    records.reserveCapacity(capacity)
    begin(lease)
  }

  /// Jobs that no worker has answered.
  convenience init(_ lease: Lease, _ failure: JobFailure, attempts: Int, submitsMore: Bool = true) {
    self.init(lease, worker: 0, capacity: lease.range.count, submitsMore: submitsMore)
    self.attempts = attempts
    for job in lease.range {
      failures[records.count] = failure
      append(isDone: false, job, dispatch: 0, work: 0)
    }
  }

  /// The outcomes that follow are those of a further lease of the batch.
  func begin(_ lease: Lease) {
    attempts = lease.attempts + 1
    if sections.last?.jobs !== lease.jobs { sections.append(Section(jobs: lease.jobs, end: records.count)) }
  }

  /// Appends an outcome: the bytes of an output, or the words of a failure.
  func append(_ answer: Span<UInt8>, isDone: Bool, _ job: Int, dispatch: UInt64, work: UInt64) {
    unsafe answer.withUnsafeBytes { unsafe bytes.append(contentsOf: $0) }
    append(isDone: isDone, job, dispatch: dispatch, work: work)
  }

  private func append(isDone: Bool, _ job: Int, dispatch: UInt64, work: UInt64) {
    records.append(
      Record(
        job: job, end: bytes.count, dispatchNanoseconds: dispatch, workNanoseconds: work, attempts: attempts,
        isDone: isDone))
    sections[sections.count - 1].end = records.count
    workNanoseconds &+= work
  }

  /// Decodes the outcomes, and calls `handle` with each.
  /// - Returns: the jobs that they lead to.
  @inlinable func decode<Job: Message & Sendable, Output: Message & Sendable>(
    _ handle: (JobOutcome<Job, Output>) -> [Job]
  ) -> EncodedJobs? {
    var more: [Job] = []
    var place = 0
    var start = 0
    for section in sections {
      let jobs = unsafe unsafeDowncast(section.jobs, to: JobList<Job>.self).jobs
      while place < section.end {
        let record = records[place]
        let answer = bytes.span.extracting(start..<record.end)
        let result: Result<Output, JobFailure>
        do throws(ChannelError) {
          if record.isDone {
            result = .success(try Output(decoding: answer))
          } else if let failure = failures[place] {
            result = .failure(failure)
          } else {
            result = .failure(.failed(try String(decoding: answer)))
          }
        } catch {
          result = .failure(.failed(error.description))
        }
        let next = handle(
          JobOutcome(
            job: jobs[record.job], result: result, worker: worker, attempts: record.attempts,
            dispatchNanoseconds: record.dispatchNanoseconds, workNanoseconds: record.workNanoseconds))
        if !next.isEmpty { more.append(contentsOf: next) }
        start = record.end
        place += 1
      }
    }
    return more.isEmpty ? nil : JobList(more)
  }
}
