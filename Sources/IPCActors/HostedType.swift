import Distributed
import Synchronization

/// A type of actors that a process hosts, and which functions of it may be called.
///
/// The runtime finds a function by its mangled name and calls it with the actor as `self`, whatever type that is. So a
/// name from outside is only used when it is a function of the actor's own type: another would be undefined behaviour,
/// for the asking.
final class HostedType: Sendable {
  /// For a person: `Crawling.Fetcher`.
  let name: String
  private let type: any DistributedActor.Type
  private let targets = Mutex<[String: ActorTarget]>([:])

  /// Whether its functions can be found by name: not those of a generic type, of one that is private to its file, and of
  /// one that is local to a function.
  let isCallable: Bool

  init(_ type: any DistributedActor.Type) {
    self.type = type
    name = String(reflecting: type)
    isCallable = _mangledTypeName(type).map(MangledFunction.isPlainType) ?? false
  }

  /// The function of an instance of this type that is known by this name; nil: the type has none.
  func target(_ identifier: String, _ instance: any DistributedActor) -> ActorTarget? {
    if let known = targets.withLock({ $0[identifier] }) { return known }
    guard let target = resolve(identifier, instance) else { return nil }
    return targets.withLock { targets in
      if let other = targets[identifier] { return other }
      targets[identifier] = target
      return target
    }
  }

  private func resolve(_ identifier: String, _ instance: any DistributedActor) -> ActorTarget? {
    // First of all: the runtime isn't made to read names that nobody's compiler has written, and may crash over them.
    guard Self.isThere(identifier), let function = MangledFunction(identifier) else { return nil }
    if let owner = _typeByName(function.type), owner == type { return ActorTarget(identifier, generics: []) }
    // A stub `$Greeter` of a protocol `Greeter` that the actor's type conforms to.
    guard let name = function.stubbedProtocol, let found = _typeByName(name), Self.is(instance, found) else {
      return nil
    }
    return ActorTarget(identifier, generics: [type])
  }

  /// Whether this program has such a function, by its exact name.
  private static func isThere(_ identifier: String) -> Bool {
    let name = Array(identifier.utf8)
    return unsafe name.withUnsafeBufferPointer { name in
      guard let start = name.baseAddress else { return false }
      return unsafe findAccessibleFunction(start, UInt(name.count)) != nil
    }
  }

  private static func `is`(_ instance: any DistributedActor, _ existential: any Any.Type) -> Bool {
    func check<Protocol>(_: Protocol.Type) -> Bool { instance is Protocol }
    return _openExistential(existential, do: check)
  }
}

/// The runtime's own list of what can be called by name.
@_silgen_name("swift_findAccessibleFunction")
private func findAccessibleFunction(_ name: UnsafePointer<UInt8>, _ length: UInt) -> UnsafeRawPointer?
