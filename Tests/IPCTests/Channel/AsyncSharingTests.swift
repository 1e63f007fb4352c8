import IPC
import TestSupport
import Testing

@testable import ipc_peer

extension AllTests {
  /// Several tasks that share an endpoint.
  @Suite(.warmAsync, .guarded) struct AsyncSharingTests {
    /// Each message goes to exactly one task, and none is forgotten when one read brings many.
    @Test(arguments: Subject.once) func eachMessageGoesToOneTask(_ subject: Subject) async throws {
      Watchdog.at(subject)
      let (receiver, peer) = try subject.asyncFromPeer()
      let count = 10_000
      try peer.order("flood 1 \(count) \(subject.sizes([8, 16, 40]))")
      try peer.order("close")
      let tallies = try await withThrowingTaskGroup(of: Tally.self) { group in
        for _ in 0..<8 {
          group.addTask {
            var tally = Tally()
            for try await bytes in receiver.messages(of: [UInt8].self) { tally.note(bytes) }
            return tally
          }
        }
        return try await group.reduce(into: []) { $0.append($1) }
      }
      #expect(tallies.allSatisfy { $0.damaged == 0 })
      if subject.isTokens {
        #expect(tallies.map(\.tokens).reduce(0, +) == count)
      } else {
        var all: [Int] = []
        for tally in tallies {
          let taken = tally.runs[1, default: []].flatMap { Array($0) }
          let isInOrder = zip(taken, taken.dropFirst()).allSatisfy { $0 < $1 }
          #expect(isInOrder)
          all += taken
        }
        let isComplete = all.sorted() == Array(0..<count)
        #expect(isComplete, "\(all.count) messages, \(Set(all).count) different ones, of \(count)")
      }
      receiver.close()
      try peer.mustSucceed()
      try peer.mustSucceed()
      try peer.finish()
    }

    @Test(arguments: Subject.once) func messagesOfEachTaskArriveOnceAndInOrder(_ subject: Subject)
      async throws
    {
      Watchdog.at(subject)
      let (sender, peer) = try subject.asyncToPeer()
      try peer.order("collect 0")
      let (tasks, each) = (6, 400)
      // Small messages, and large ones that a thread sends.
      let sizes = [8, 500, 3000, 12_000, 9, 70_000].map(subject.size)
      try await withThrowingTaskGroup(of: Void.self) { group in
        for id in 1...tasks {
          group.addTask {
            for sequence in 0..<each {
              try await sender.send(Numbered.bytes(id: id, sequence, sizes[(sequence + id) % sizes.count]))
            }
          }
        }
        try await group.waitForAll()
      }
      sender.close()
      let found = Collected(try peer.answer())
      #expect(found.end == "closed" && found.tally.damaged == 0)
      if subject.isTokens {
        #expect(found.tally.tokens == tasks * each)
      } else {
        // Interleaved, each sender's sequence has no gap.
        let whole = Dictionary(uniqueKeysWithValues: (1...tasks).map { ($0, [0...(each - 1)]) })
        #expect(found.tally.runs == whole)
      }
      try peer.finish()
    }

    /// Both endpoints in one process, used by tasks.
    @Test(arguments: Subject.once) func tasksOfOneProcessSendAndReceive(_ subject: Subject) async throws {
      Watchdog.at(subject)
      let (sender, receiver) = try subject.asyncPair()
      let count = 2000
      let sizes = [8, 100, 4000, 9000].map(subject.size)
      let task = Task {
        for sequence in 0..<count {
          try await sender.send(Numbered.bytes(id: 1, sequence, sizes[sequence % sizes.count]))
        }
        sender.close()
      }
      var tally = Tally()
      for try await bytes in receiver.messages(of: [UInt8].self) { tally.note(bytes) }
      try await task.value
      #expect(tally.isWhole(subject, count), "\(tally)")
      receiver.close()
    }
  }
}
