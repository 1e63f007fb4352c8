import Glibc
import IPC
import TestSupport
import Testing

extension AllTests {
  /// A System V semaphore set without a channel.
  @Suite(.guarded) struct SemaphoreSetTests {
    private static let largestValue: UInt16 = 32767

    /// Runs `body` with a new set, and removes the set after it if it still exists.
    private func withSet(_ values: [UInt16], _ body: (borrowing SemaphoreSet) throws -> Void) throws {
      let set = try SemaphoreSet.create(values)
      let id = set.id
      defer { try? SemaphoreSet.open(id: id).remove() }
      try body(set)
    }

    /// The errno with which a body fails.
    private func errno(of body: () throws(ChannelError) -> Void) -> Int32? {
      do throws(ChannelError) {
        try body()
        return nil
      } catch {
        #expect(error.code == .system)
        return error.errno
      }
    }

    @Test("wait subtracts one, post adds one, tryWait refuses at zero")
    func steps() throws {
      try withSet([2, 0, Self.largestValue]) { set in
        #expect(try (0..<3).map { try set.value($0) } == [2, 0, 32767])
        try set.wait(0)
        #expect(try set.tryWait(0))
        #expect(try !set.tryWait(0))
        #expect(try !set.tryWait(1))
        try set.post(1)
        #expect(try (0..<3).map { try set.value($0) } == [0, 1, 32767])
      }
    }

    @Test("a wait with a deadline takes one, or gives up and takes nothing", arguments: [-1, 0, 1, 20])
    func deadline(milliseconds: Int) throws {
      try withSet([1, 0]) { set in
        try set.wait(0, within: .milliseconds(milliseconds))
        do throws(ChannelError) {
          try set.wait(1, undo: true, within: .milliseconds(milliseconds))
          Issue.record("took one from 0")
        } catch {
          #expect(error.code == .timedOut && error.mechanism == .semaphore)
        }
        #expect(try set.value(0) == 0 && set.value(1) == 0)
      }
    }

    @Test("wait waits for a post of another process")
    func waiting() throws {
      try withSet([0, 0]) { set in
        let peer = try PeerProcess()
        try peer.order("semaphore-wait \(set.id) 1")
        peer.untilAsleep()
        try set.post(0)
        try set.post(1)
        try peer.mustSucceed()
        #expect(try set.value(0) == 1 && set.value(1) == 0)
        // And in the other direction.
        try peer.order("semaphore-post \(set.id) 1")
        try set.wait(1)
        try peer.mustSucceed()
        try peer.finish()
      }
    }

    @Test("the kernel undoes the changes of a killed process, if asked to", arguments: [true, false])
    func undoAfterAKill(undo: Bool) throws {
      try withSet([1, 5]) { set in
        let peer = try PeerProcess()
        try peer.must("semaphore-wait \(set.id) 0" + (undo ? " undo" : ""))
        try peer.must("semaphore-post \(set.id) 1" + (undo ? " undo" : ""))
        #expect(try set.value(0) == 0 && set.value(1) == 6)
        try peer.kill()
        #expect(try set.value(0) == (undo ? 1 : 0))
        #expect(try set.value(1) == (undo ? 5 : 6))
      }
    }

    @Test("a death gives a lock to the process that waits for it")
    func undoWakes() throws {
      try withSet([1]) { set in
        let (holder, waiter) = (try PeerProcess(), try PeerProcess())
        try holder.must("semaphore-wait \(set.id) 0 undo")
        try waiter.order("semaphore-wait \(set.id) 0 undo")
        waiter.untilAsleep()
        try holder.kill()
        try waiter.mustSucceed()
        try waiter.finish()
        #expect(try set.value(0) == 1)
      }
    }

    @Test("values and indices beyond the kernel's limits are errors")
    func limits() throws {
      #expect(errno { () throws(ChannelError) in _ = try SemaphoreSet.create([32768]) } == ERANGE)
      #expect(errno { () throws(ChannelError) in _ = try SemaphoreSet.create([]) } == EINVAL)
      try withSet([Self.largestValue]) { set throws in
        let id = set.id
        #expect(errno { () throws(ChannelError) in try SemaphoreSet.open(id: id).post(0) } == ERANGE)
        #expect(errno { () throws(ChannelError) in try SemaphoreSet.open(id: id).wait(1) } == EFBIG)
        #expect(errno { () throws(ChannelError) in _ = try SemaphoreSet.open(id: id).value(1) } == EINVAL)
        #expect(try set.value(0) == 32767)
      }
    }

    @Test("removing a set ends waiting calls with an error")
    func removal() throws {
      let set = try SemaphoreSet.create([0])
      let id = set.id
      let peer = try PeerProcess()
      try peer.order("semaphore-wait \(id) 0")
      peer.untilAsleep()
      try set.remove()
      #expect(try peer.answer().hasPrefix("error system"))
      do throws(ChannelError) {
        _ = try SemaphoreSet.open(id: id)
        Issue.record("opened a removed set")
      } catch {
        #expect(error.code == .system)
        #expect(error.message.contains("set \(id)") && error.message.contains("semctl"))
      }
      try peer.finish()
    }
  }
}
