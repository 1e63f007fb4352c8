public import IPC

/// Jobs that were submitted together, encoded once, where their type is known. Nothing changes after that.
@usableFromInline class EncodedJobs: @unchecked Sendable {
  /// The jobs' bytes, one behind the other.
  let bytes: [UInt8]
  /// Where each ends.
  let ends: [Int]
  /// Those that can't be encoded, and why.
  let faults: [Int: ChannelError]

  @usableFromInline init(bytes: [UInt8], ends: [Int], faults: [Int: ChannelError]) {
    self.bytes = bytes
    self.ends = ends
    self.faults = faults
  }

  final var count: Int { ends.count }

  /// The bytes of a job.
  final func range(_ index: Int) -> Range<Int> { (index == 0 ? 0 : ends[index - 1])..<ends[index] }
}

/// The same with the jobs themselves, which come back with their outcomes.
@usableFromInline final class JobList<Job: Message & Sendable>: EncodedJobs, @unchecked Sendable {
  @usableFromInline let jobs: [Job]

  @inlinable init(_ jobs: [Job]) {
    self.jobs = jobs
    var writer = MessageWriter()
    var ends: [Int] = []
    ends.reserveCapacity(jobs.count)
    var faults: [Int: ChannelError] = [:]
    for index in jobs.indices {
      let start = writer.count
      do throws(ChannelError) {
        try jobs[index].encode(to: &writer)
      } catch {
        writer.truncate(to: start)
        faults[index] = error
      }
      ends.append(writer.count)
    }
    super.init(bytes: writer.bytes, ends: ends, faults: faults)
  }
}
