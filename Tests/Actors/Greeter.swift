package import Distributed
package import IPCActors

/// What several types of actors can be asked.
@Resolvable
package protocol Greeter: DistributedActor where ActorSystem == IPCActorSystem {
  distributed func greet(_ name: String) -> String
  distributed func greetings() -> Int
  distributed func refuse(_ words: String) throws
}

package distributed actor EnglishGreeter: Greeter {
  package typealias ActorSystem = IPCActorSystem
  private var count = 0

  package distributed func greet(_ name: String) -> String {
    count += 1
    return "hello \(name)"
  }
  package distributed func greetings() -> Int { count }
  package distributed func refuse(_ words: String) throws { throw OwnFailure(words) }
}

package distributed actor GermanGreeter: Greeter {
  package typealias ActorSystem = IPCActorSystem
  private var count = 0

  package distributed func greet(_ name: String) -> String {
    count += 1
    return "hallo \(name)"
  }
  package distributed func greetings() -> Int { count }
  package distributed func refuse(_ words: String) throws { throw CarriedFailure(code: count, words: words) }
}
