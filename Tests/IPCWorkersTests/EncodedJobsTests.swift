import IPC
import Measurement
import TestSupport
import Testing

@testable import IPCWorkers

extension AllIPCWorkersTests {
  /// Jobs and outcomes as bytes: without processes.
  @Suite struct EncodedJobsTests {
    /// A message that can't be encoded if it is negative, nor decoded if it is odd.
    private struct Fussy: Message, Equatable, Sendable {
      var number: Int
      init(_ number: Int) { self.number = number }
      func encode(to writer: inout MessageWriter) throws(ChannelError) {
        writer.write(number)
        if number < 0 { throw ChannelError.invalid("a negative number") }
      }
      init(from reader: inout MessageReader) throws(ChannelError) {
        number = try reader.integer()
        if number % 2 == 1 { throw .invalid("an odd number") }
      }
    }

    private let batch = JobBatch { _ in nil }

    private func lease(_ jobs: EncodedJobs, _ range: Range<Int>? = nil) -> Lease {
      Lease(jobs: jobs, batch: batch, range: range ?? 0..<jobs.count)
    }

    @Test func aJobThatCannotBeEncodedLeavesNoBytes() {
      let list = JobList([Fussy(1), Fussy(-1), Fussy(2)])
      #expect(list.ends == [8, 8, 16] && list.bytes.count == 16)
      #expect(list.faults.keys.sorted() == [1])
      #expect(list.range(0) == 0..<8 && list.range(1) == 8..<8 && list.range(2) == 8..<16)
    }

    @Test func outcomesAreDecodedInTheirOrder() {
      let first = JobList([Fussy(10), Fussy(11), Fussy(12)])
      let second = JobList([Fussy(20)])
      let list = OutcomeList(lease(first), worker: 3, capacity: 4)
      func bytes(_ number: Int) -> [UInt8] {
        var writer = MessageWriter()
        writer.write(number)
        return writer.bytes
      }
      list.append(bytes(2).span, isDone: true, 0, dispatch: 1, work: 5)
      // What can't be decoded is that job's failure.
      list.append(bytes(3).span, isDone: true, 1, dispatch: 2, work: 6)
      list.append(Array("why".utf8).span, isDone: false, 2, dispatch: 3, work: 7)
      list.begin(lease(second))
      list.append(bytes(4).span, isDone: true, 0, dispatch: 4, work: 8)
      var found: [JobOutcome<Fussy, Fussy>] = []
      let more = list.decode { (outcome: JobOutcome<Fussy, Fussy>) in
        found.append(outcome)
        return outcome.job.number == 11 ? [Fussy(30), Fussy(31)] : []
      }
      #expect(found.map(\.job.number) == [10, 11, 12, 20])
      #expect(found[0].result == .success(Fussy(2)) && found[3].result == .success(Fussy(4)))
      if case .failure(.failed(let words)) = found[1].result {
        #expect(words.contains("an odd number"))
      } else {
        Issue.record("an odd number was decoded")
      }
      #expect(found[2].result == .failure(.failed("why")))
      #expect(found.allSatisfy { $0.worker == 3 && $0.attempts == 1 })
      #expect(found.map(\.dispatchNanoseconds) == [1, 2, 3, 4] && list.workNanoseconds == 26)
      #expect((more as? JobList<Fussy>)?.jobs.map(\.number) == [30, 31])
    }

    @Test func jobsWithoutAnAnswerFail() {
      let jobs = JobList([Fussy(1), Fussy(2), Fussy(3)])
      let list = OutcomeList(lease(jobs, 1..<3), .killedItsWorkers(2), attempts: 2)
      var found: [JobOutcome<Fussy, Int>] = []
      #expect(
        list.decode { (outcome: JobOutcome<Fussy, Int>) in
          found.append(outcome)
          return []
        } == nil)
      #expect(found.map(\.job.number) == [2, 3])
      #expect(found.allSatisfy { $0.result == .failure(.killedItsWorkers(2)) && $0.attempts == 2 })
    }

    @Test func leasesComeOutAsTheyWentIn() {
      var random = SeededRandom.printed()
      let lists = (0..<4).map { _ in JobList((0..<1000).map { Fussy($0) }) }
      var queue = LeaseQueue()
      var waiting: [(ObjectIdentifier, Int)] = []
      var next = [0, 0, 0, 0]
      for _ in 0..<5000 {
        let which = Int.random(in: 0..<4, using: &random)
        if Bool.random(using: &random), next[which] < 1000 {
          let end = min(1000, next[which] + Int.random(in: 0...5, using: &random))
          queue.append(lease(lists[which], next[which]..<end))
          waiting += (next[which]..<end).map { (ObjectIdentifier(lists[which]), $0) }
          next[which] = end
        } else if let taken = queue.take(Int.random(in: 0...7, using: &random)) {
          #expect(!taken.range.isEmpty && taken.range.count <= 7)
          for job in taken.range {
            let expected = waiting.removeFirst()
            #expect(expected == (ObjectIdentifier(taken.jobs), job))
          }
        }
        #expect(queue.count == waiting.count)
      }
      let left = queue.takeAll().flatMap { lease in lease.range.map { (ObjectIdentifier(lease.jobs), $0) } }
      #expect(left.elementsEqual(waiting, by: ==))
      #expect(queue.count == 0 && queue.front == nil)
    }
  }
}
