import ConcurrencyModels
import IPC
import Synchronization
import SystemCalls
import TestSupport
import Testing

@testable import ipc_peer

extension Subject {
  /// The other process sends, tasks of this one receive.
  func asyncFromPeer() throws -> (receiver: SharedByteReceiver, peer: PeerProcess) {
    let line = try fromPeer()
    let peer = line.peer
    return (SharedByteReceiver(line.receiver), peer)
  }

  /// Tasks of this process send, the other receives.
  func asyncToPeer() throws -> (sender: SharedByteSender, peer: PeerProcess) {
    let line = try toPeer()
    let peer = line.peer
    return (SharedByteSender(line.sender), peer)
  }

  /// Both endpoints in this process.
  func asyncPair() throws -> (sender: SharedByteSender, receiver: SharedByteReceiver) {
    let channel = try plainPair()
    return (SharedByteSender(channel.sender), SharedByteReceiver(channel.receiver))
  }

  /// Both endpoints in this process, for threads.
  func plainPair() throws -> ByteChannel {
    guard form == .named else { return try ByteChannel(over: mechanism, options: options) }
    // Another program may have taken a port that was free a moment ago.
    for _ in 0..<3 where mechanism == .tcp {
      if let channel = try? ByteChannel(at: address()) { return channel }
    }
    return try ByteChannel(at: address())
  }

  /// Whether a full channel can have room again although nothing was received: a socket moves bytes between buffers.
  var isElastic: Bool { mechanism == .tcp || mechanism == .unix }
}

/// What tasks on several threads record.
final class Notes: Sendable {
  private let contents = Locked<(tally: Tally, numbers: [Int])>((Tally(), []))

  func note(_ bytes: [UInt8]) { contents.withLock { $0.tally.note(bytes) } }
  func add(_ number: Int) { contents.withLock { $0.numbers.append(number) } }

  var tally: Tally { contents.withLock { $0.tally } }
  var numbers: [Int] { contents.withLock { $0.numbers } }
  var count: Int { contents.withLock { $0.numbers.count } }
}

/// The code of the channel error that `body` throws; nil if it returns. Throws every other error.
nonisolated(nonsending) func asyncCode<Value>(_ body: () async throws -> Value) async throws -> ChannelError
  .Code?
{
  do {
    _ = try await body()
    return nil
  } catch let error as ChannelError {
    return error.code
  }
}

/// Whether `body` was cancelled. Throws every other error.
nonisolated(nonsending) func isCancelled(_ body: () async throws -> Void) async throws -> Bool {
  do {
    try await body()
    return false
  } catch is CancellationError {
    return true
  }
}

extension Pattern {
  static func matches(_ bytes: [UInt8], _ sequence: Int) -> Bool { matches(bytes.span, sequence) }
}

extension Numbered {
  /// The sequence number; -1 if the message is damaged.
  static func sequence(_ bytes: [UInt8]) -> Int { read(bytes.span)?.sequence ?? -1 }
}

extension Tally {
  mutating func note(_ bytes: [UInt8]) { note(bytes.span) }

  /// Whether these are exactly `count` messages of sender 1 in order, or as many tokens.
  func isWhole(_ subject: Subject, _ count: Int) -> Bool {
    if damaged > 0 { return false }
    if subject.isTokens { return tokens == count && runs.isEmpty }
    return tokens == 0 && runs == (count == 0 ? [:] : [1: [0...(count - 1)]])
  }
}
