import ConcurrencyModels
import Distributed
import IPC
import IPCActors
import IPCJSON

/// Distributed actors: objects in another process, called like local ones.
///
/// What they add: a call's result, its error, and the death of the other process all arrive at the line that made the
/// call.
distributed actor Account {
  typealias ActorSystem = IPCActorSystem
  private var balance = 0

  distributed func deposit(_ amount: Int) -> Int {
    balance += amount
    return balance
  }

  distributed func withdraw(_ amount: Int) throws -> Int {
    guard amount <= balance else { throw Overdrawn(missing: amount - balance) }
    balance -= amount
    return balance
  }

  /// Takes a minute.
  distributed func audit() async throws { try await Task.sleep(for: .seconds(60)) }
}

/// An error that arrives as itself, since both processes carry it.
struct Overdrawn: Error, Codable, JSONMessage { var missing: Int }

enum ActorsDemo: Demo {
  static let name = "actors"
  static let summary = "objects in another process: calls, errors, many calls at once, and its death"

  static func run() throws {
    try EventLoop().run { try await conversation() }
  }

  private static func conversation() async throws {
    let system = IPCActorSystem()
    system.carry(Overdrawn.self)
    let bank = try system.spawn(arguments: arguments("bank"), over: .memory)
    for actor in try await bank.hosted() { say("caller", "the bank hosts \(actor.id.name), a \(actor.type)") }

    let anna = try bank.resolve(Account.self, named: "anna")
    let ben = try bank.resolve(Account.self, named: "ben")
    say("caller", "anna deposits 100: her balance is \(try await anna.deposit(100))")
    do {
      _ = try await anna.withdraw(130)
    } catch let error as Overdrawn {
      say("caller", "anna withdraws 130: the bank throws Overdrawn, \(error.missing) are missing")
    }

    // Many calls are sent at once. Each actor executes one at a time, so every deposit counts.
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 1...1000 {
        group.addTask { _ = try await anna.deposit(1) }
        group.addTask { _ = try await ben.deposit(2) }
      }
      try await group.waitForAll()
    }
    say(
      "caller",
      "after 2000 calls at once the balances are \(try await anna.deposit(0)) and \(try await ben.deposit(0))"
    )

    do {
      _ = try await bank.resolve(Account.self, named: "carla").deposit(1)
    } catch {
      say("caller", "\(error)")
    }

    let waiting = [Task { try await anna.audit() }, Task { try await ben.audit() }]
    try await Task.sleep(for: .milliseconds(50))
    say("caller", "two calls take a minute; kills the bank")
    bank.kill()
    for call in waiting {
      do { try await call.value } catch { say("caller", "\(error)") }
    }
    bank.close()
  }

  static func other(_ role: String) throws {
    try IPCActorSystem.serve { system in
      system.carry(Overdrawn.self)
      try system.host("anna") { Account(actorSystem: $0) }
      try system.host("ben") { Account(actorSystem: $0) }
      say("bank", "hosts two accounts")
    }
  }
}
