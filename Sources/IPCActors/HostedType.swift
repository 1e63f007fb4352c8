import Distributed
import Synchronization
import SystemCalls

/// A type of actors that a process hosts, and its functions that may be called.
///
/// The runtime finds a function by its mangled name and calls it with the actor as `self`, whatever type the actor has. A
/// name that another process sends is therefore used only if it names a function of the actor's own type. With any other
/// name, the behaviour would be undefined.
final class HostedType: Sendable {
  /// The type's name with its module, for people: `Crawling.Fetcher`.
  let name: String
  private let type: any DistributedActor.Type
  private let targets = Locked<[String: ActorTarget]>([:])

  /// Whether the runtime finds its functions by name. It doesn't for a generic type, one that is private to its file, and
  /// one that is local to a function.
  let isCallable: Bool

  init(_ type: any DistributedActor.Type) {
    self.type = type
    name = String(reflecting: type)
    isCallable = _mangledTypeName(type).map(MangledFunction.isPlainType) ?? false
  }

  /// The function with this mangled name, for an instance of this type; nil: the type has no such function.
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
    // Checked first: the runtime's demangler may crash on a name that no compiler has written.
    guard Self.exists(identifier), let function = MangledFunction(identifier) else { return nil }
    if let owner = _typeByName(function.type), owner == type { return ActorTarget(identifier, generics: []) }
    // A function of the stub `$Greeter` of a protocol `Greeter` to which the actor's type conforms.
    guard let name = function.stubbedProtocol, let found = _typeByName(name), Self.is(instance, found) else {
      return nil
    }
    return ActorTarget(identifier, generics: [type])
  }

  /// Whether this program contains a distributed function with exactly this name.
  private static func exists(_ identifier: String) -> Bool {
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

/// Looks a distributed function up in the runtime's list. Nil: the program has none of this name.
@_silgen_name("swift_findAccessibleFunction")
private func findAccessibleFunction(_ name: UnsafePointer<UInt8>, _ length: UInt) -> UnsafeRawPointer?
