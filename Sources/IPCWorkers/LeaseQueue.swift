/// Jobs that are waited for, or that a worker has: some that follow each other in what was submitted together.
struct Lease: Sendable {
  let jobs: EncodedJobs
  let batch: JobBatch
  var range: Range<Int>
  /// How many workers have died with them.
  var attempts = 0
  /// A worker died that had it. From then on it is leased alone, which shows whether it was the cause.
  var isSuspect = false

  /// No caller waits for it any more.
  var isCancelled: Bool { batch.ticket?.isSettled ?? false }

  /// Whether `other` continues this one.
  func isContinued(by other: Lease) -> Bool {
    jobs === other.jobs && range.upperBound == other.range.lowerBound && attempts == other.attempts
      && isSuspect == other.isSuspect
  }
}

/// Leases, first in, first out.
struct LeaseQueue: Sendable {
  private var leases: [Lease] = []
  private var first = 0
  /// How many jobs they have.
  private(set) var count = 0

  /// Leases at the front that were taken are removed from the array when there are more than this.
  private static let compactionThreshold = 1024

  var front: Lease? { first < leases.count ? leases[first] : nil }

  mutating func append(_ lease: Lease) {
    guard !lease.range.isEmpty else { return }
    count += lease.range.count
    if first < leases.count, leases[leases.count - 1].isContinued(by: lease) {
      leases[leases.count - 1].range = leases[leases.count - 1].range.lowerBound..<lease.range.upperBound
    } else {
      leases.append(lease)
    }
  }

  /// Removes at most `limit` jobs from the front lease.
  mutating func take(_ limit: Int) -> Lease? {
    guard limit > 0, var lease = front else { return nil }
    let taken = min(limit, lease.range.count)
    count -= taken
    if taken < lease.range.count {
      leases[first].range = (lease.range.lowerBound + taken)..<lease.range.upperBound
      lease.range = lease.range.lowerBound..<(lease.range.lowerBound + taken)
      return lease
    }
    first += 1
    if first == leases.count {
      leases.removeAll(keepingCapacity: true)
      first = 0
    } else if first > Self.compactionThreshold {
      leases.removeFirst(first)
      first = 0
    }
    return lease
  }

  /// Removes the leases that no caller waits for any more.
  mutating func removeCancelled() {
    leases.removeSubrange(..<first)
    first = 0
    leases.removeAll { $0.isCancelled }
    count = leases.reduce(0) { $0 + $1.range.count }
  }

  /// Removes all.
  mutating func takeAll() -> [Lease] {
    defer { self = LeaseQueue() }
    return Array(leases[first...])
  }
}
