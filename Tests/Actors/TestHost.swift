import IPCActors

/// The other process of the tests of actors.
package enum TestHost {
  /// The argument that makes a program host the tests' actors.
  package static let role = "actors"

  package static func serve() throws {
    try IPCActorSystem.serve { system in
      system.carry(CarriedFailure.self)
      system.carry(HalfCarriedFailure.self)
      for number in 0..<10 { try system.host("desk\(number)") { Desk(actorSystem: $0) } }
      try system.host("keeper", interleaves: true) { Keeper(actorSystem: $0) }
      try system.host("narrow") { Narrow(actorSystem: $0) }
      try system.host("wide", interleaves: true) { Narrow(actorSystem: $0) }
      try system.host("english") { EnglishGreeter(actorSystem: $0) }
      try system.host("german") { GermanGreeter(actorSystem: $0) }
      try system.host("player") { Player(actorSystem: $0) }
    }
  }
}
