import Distributed
import Measurement
import SystemCalls
import TestActors
import TestSupport
import Testing

@testable import IPC
@testable import IPCActors

/// What this test writes to an actor system, as if it were one.
final class FarSystem {
  let system = IPCActorSystem()
  private var sender: ByteSender
  private var receiver: ByteReceiver
  let peer: ActorPeer

  init(over mechanism: Mechanism = .unix) throws {
    let pair = try ByteConnection.Pair(over: mechanism)
    let far = pair.far
    sender = far.sender
    receiver = far.receiver
    try sender.send(Self.hello())
    peer = try system.attach(pair.near, within: .seconds(30))
    // What the system says first.
    _ = try receiver.receive([UInt8].self, within: .seconds(30))
    try system.host("desk") { Desk(actorSystem: $0) }
  }

  static func hello(_ process: UInt64 = 77, version: UInt16 = 1) -> [UInt8] {
    var writer = MessageWriter()
    writer.write(ActorFrame.Kind.hello.rawValue)
    writer.write(version)
    writer.write(process)
    return writer.bytes
  }

  static func call(
    _ id: UInt64, _ actor: String?, _ target: String?, actorNumber: UInt16 = 0xFFFF,
    targetNumber: UInt16 = 0xFFFF, _ arguments: [UInt8] = []
  ) -> [UInt8] {
    var writer = MessageWriter()
    writer.write(ActorFrame.Kind.call.rawValue)
    writer.write(id)
    // It is made in no other.
    writer.write(UInt8(0))
    writer.write(actorNumber)
    if let actor { writer.write(actor) }
    writer.write(targetNumber)
    if let target { writer.write(target) }
    writer.append(arguments)
    return writer.bytes
  }

  func send(_ bytes: [UInt8]) throws(ChannelError) { try sender.send(bytes) }

  /// The next answer: to which call, the outcome, and its code if it was refused.
  func answer() throws -> (id: UInt64, outcome: ActorFrame.Outcome?, code: String) {
    let bytes = try receiver.receive([UInt8].self, within: .seconds(30))
    var reader = MessageReader(bytes.span)
    let kind: UInt8 = try reader.integer()
    #expect(kind == ActorFrame.Kind.reply.rawValue)
    let id: UInt64 = try reader.integer()
    let outcome = ActorFrame.Outcome(rawValue: try reader.integer())
    return (id, outcome, outcome == .refused ? try reader.string() : "")
  }

  /// Waits until the system has closed the connection, whatever it says before.
  func isClosed() -> Bool {
    for _ in 0..<10_000 {
      do throws(ChannelError) {
        _ = try receiver.receive([UInt8].self, within: .seconds(30))
      } catch {
        return error.code == .closed
      }
    }
    return false
  }

  /// Leaves, and lets the system see to it.
  func leave() {
    let none = try? ByteChannel(over: .pipe)
    if let none {
      sender = none.sender
      receiver = none.receiver
    }
    system.close()
  }
}

extension AllIPCActorsTests {
  /// The peer sends what no actor system sends.
  @Suite(.guarded) struct ActorHostileTests {
    static let broken: [[UInt8]] = {
      let call = FarSystem.call(1, "desk", "name")
      var found: [[UInt8]] = [[], [4], [255], [9, 1, 2, 3], Array(repeating: 0xFF, count: 500)]
      found.append(FarSystem.hello(version: 2))
      found.append(FarSystem.hello(version: 0))
      for kind in UInt8(0)...3 { found += (1..<9).map { [kind] + Array(repeating: 0, count: $0 - 1) } }
      found += (1..<call.count).filter { $0 < 29 || $0 < call.count }.map { Array(call.prefix($0)) }
      // Numbers of names out of turn.
      found.append(FarSystem.call(1, "desk", "name", actorNumber: 1))
      found.append(FarSystem.call(1, "desk", "name", actorNumber: 0xFFFE))
      found.append(FarSystem.call(1, "desk", "name", targetNumber: 4096))
      found.append([2] + Array(repeating: 0, count: 3))
      // What is complete after all isn't broken.
      return found.filter { $0 != call }
    }()

    @Test func brokenFramesEndTheConnection() throws {
      for frame in Self.broken {
        let enemy = try FarSystem()
        try enemy.send(frame)
        #expect(enemy.isClosed(), "\(frame)")
        enemy.leave()
      }
    }

    @Test func aHelloOfAnotherVersionOrOfItsOwnNumber() throws {
      let system = IPCActorSystem()
      for hello in [FarSystem.hello(version: 2), FarSystem.hello(system.process)] {
        let pair = try ByteConnection.Pair(over: .unix)
        let far = pair.far
        var sender = far.sender
        try sender.send(hello)
        #expect(attachCode(system, pair.near) == .invalidMessage)
      }
      system.close()
    }

    @Test func answersToCallsThatWereNotMade() throws {
      for id in [0, 1, 2, 77, UInt64.max] {
        for outcome in UInt8(0)...4 {
          let enemy = try FarSystem()
          var writer = MessageWriter()
          writer.write(ActorFrame.Kind.reply.rawValue)
          writer.write(id)
          writer.write(outcome)
          try enemy.send(writer.bytes)
          #expect(enemy.isClosed())
          enemy.leave()
        }
      }
    }

    @Test func functionsThatItDoesNotHave() throws {
      var random = SeededRandom.printed()
      let type = try #require(_mangledTypeName(Desk.self))
      var targets = [
        "", "$s", "$", "x", "\0", "TE", "$sTE", "$s\(type)", "$s\(type)TE", "$s\(type)3addTE",
        "$s\(type)3addyyFTE",
        "$s\(type)3addS3iFTE", "$s\(type)999999addyyFTE", "$s\(type)0TE", "$s\(type)00TE", "$s\(type)0aTE",
        "$s\(type)3addyyFTE\0", "$sSa6appendyyxnF", "$ss5print_9separator10terminatoryypd_S2StF",
        "$s5Swift9$SendableC3fooyyFTE", "$s5Swift5$ErrorC3fooyyFTE", "$s10TestActors8$GreeterC5greetyS2SFTE",
        "$s10TestActors6NarrowC10mostInsideSiyYaKFTE", "$s10TestActors7$", "$s1", "$s99999999999999999999",
        String(repeating: "a", count: 200_000), "$s\(type)" + String(repeating: "9", count: 100_000) + "TE",
        "$s\(type)3add" + String(repeating: "S", count: 20_000) + "FTE",
        "$s\(type)3add" + String(repeating: "Sg", count: 5_000) + "FTE",
      ]
      for _ in 0..<1500 {
        // A mangled name of a function of the type's own, damaged.
        var name = Array("$s\(type)3addyS2iYaKFTE".utf8)
        for _ in 0..<Int.random(in: 1...4, using: &random) {
          let at = Int.random(in: (2 + type.utf8.count)..<name.count, using: &random)
          name[at] = UInt8.random(in: 32...126, using: &random)
        }
        if random.chance(3) { name.insert(contentsOf: Array("Sa_tG1aAAy".utf8), at: name.count - 3) }
        let text = String(decoding: name, as: UTF8.self)
        if text != "$s\(type)3addyS2iYaKFTE" { targets.append(text) }
      }
      let enemy = try FarSystem()
      for (id, target) in targets.enumerated() {
        try enemy.send(FarSystem.call(UInt64(id), "desk", target, [8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]))
        let answer = try enemy.answer()
        #expect(answer.id == UInt64(id))
        #expect(answer.outcome == .refused && answer.code == "otherSignature", "\(target.prefix(80))")
      }
      enemy.leave()
    }

    @Test func moreCallsThanMayBeOpen() throws {
      let enemy = try FarSystem()
      try enemy.system.host("keeper") { Keeper(actorSystem: $0) }
      let target = "$s10TestActors6KeeperC12untilArrived_2atySi_SStYaKFTE"
      do throws(ChannelError) {
        for id in 0..<2000 {
          try enemy.send(
            FarSystem.call(
              UInt64(id), "keeper", target, [8, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 97]))
        }
      } catch {
        #expect(error.code == .closed)
      }
      #expect(enemy.isClosed())
      Gate["a"].open()
      enemy.leave()
    }

    @Test func randomFrames() throws {
      var random = SeededRandom.printed()
      let type = try #require(_mangledTypeName(Desk.self))
      var list = MessageWriter()
      try list.write(message: ["a", "b"])
      try list.write(message: "-" as String?)
      let valid = [
        FarSystem.call(5, "desk", "$s\(type)3addyS2iYaKFTE", [8, 0, 0, 0] + [1, 0, 0, 0, 0, 0, 0, 0]),
        FarSystem.call(2, "desk", "$s\(type)4join_4withSSSgSaySSG_AFtYaKFTE", list.bytes),
        [3, 5, 0, 0, 0, 0, 0, 0, 0], [2, 5, 0, 0, 0, 0, 0, 0, 0, 0],
      ]
      for round in 0..<600 {
        let enemy = try FarSystem(over: round % 2 == 0 ? .unix : .memory)
        do throws(ChannelError) {
          for _ in 0..<8 {
            var frame = random.chance(3) ? random.bytes(0...80) : valid.randomElement(using: &random)!
            for _ in 0..<Int.random(in: 0...3, using: &random) where !frame.isEmpty {
              let at = Int.random(in: 0..<frame.count, using: &random)
              switch Int.random(in: 0..<4, using: &random) {
              case 0: frame[at] = UInt8.random(in: 0...255, using: &random)
              case 1: frame.remove(at: at)
              case 2: frame.insert(255, at: at)
              default: frame.removeLast(frame.count - at)
              }
            }
            try enemy.send(frame)
          }
        } catch {
          #expect(error.code == .closed)
        }
        enemy.leave()
      }
    }
  }
}
