import Distributed
import Synchronization
import SystemCalls

/// A type of actors that a process hosts, and which functions of it may be called.
///
/// The runtime finds a function by its mangled name and calls it with the actor as `self`, whatever type that is. So a
/// name from outside is only used when it is a function of the actor's own type: another would be undefined behaviour,
/// for the asking.
final class HostedType: Sendable {
  /// For a person: `Crawling.Fetcher`.
  let name: String
  private let type: any DistributedActor.Type
  private let mangled: [UInt8]
  private let targets = Mutex<[String: ActorTarget]>([:])

  init(_ type: any DistributedActor.Type) {
    self.type = type
    name = String(reflecting: type)
    mangled = Array((_mangledTypeName(type) ?? "").utf8)
  }

  /// The function that is known by this name; nil: the type has none.
  func target(_ identifier: String) -> ActorTarget? {
    if let known = targets.withLock({ $0[identifier] }) { return known }
    guard let target = resolve(identifier) else { return nil }
    return targets.withLock { targets in
      if let other = targets[identifier] { return other }
      targets[identifier] = target
      return target
    }
  }

  private func resolve(_ identifier: String) -> ActorTarget? {
    var name = MangledName(identifier)
    guard name.skip("$s") else { return nil }
    let context = name.rest
    if name.skip(mangled), name.isFunction { return ActorTarget(identifier, generics: []) }
    // A stub `$Greeter` of a protocol `Greeter` that the actor's type conforms to.
    var stub = MangledName(context)
    guard let module = stub.identifier(), let word = stub.identifier(), word.text.first == UInt8(ascii: "$"),
      stub.skip("C"), stub.isFunction, module.isPlain, word.isPlain
    else { return nil }
    let plain = word.text.dropFirst()
    let existential = "\(module.text.count)\(Self.text(module.text))\(plain.count)\(Self.text(plain))_p"
    guard let found = _typeByName(existential), conforms(to: found) else { return nil }
    return ActorTarget(identifier, generics: [type])
  }

  /// Whether a function is one of a `@Resolvable` protocol's stub, as far as its name tells.
  static func isStub(_ identifier: String) -> Bool {
    var name = MangledName(identifier)
    guard name.skip("$s"), name.identifier() != nil, let word = name.identifier() else { return false }
    return word.text.first == UInt8(ascii: "$")
  }

  private static func text(_ bytes: some Sequence<UInt8>) -> String {
    String(decoding: Array(bytes), as: UTF8.self)
  }

  private func conforms(to existential: any Any.Type) -> Bool {
    func check<Protocol>(_: Protocol.Type) -> Bool { isOfType(type, Protocol.self) }
    return _openExistential(existential, do: check)
  }
}

/// Whether the instances of a type can be seen as a protocol: `any Greeter.Type` is `Greeter`'s metatype's existential.
private func isOfType<Protocol>(_ type: any DistributedActor.Type, _: Protocol.Type) -> Bool {
  type is Protocol.Type
}

/// A function that can be called from outside.
final class ActorTarget: Sendable {
  let identifier: String
  let generics: [any Any.Type]
  let execution: TargetExecution?
  /// How long it takes, roughly, in nanoseconds: a running mean. At first it isn't known, and so taken to be long.
  private let makesCalls = Atomic<Bool>(false)
  private let mean = Atomic<UInt64>(ActorTarget.longest)
  /// A call that takes less than another thread's wake-up costs is carried out where it arrives.
  private static let short: UInt64 = 20_000
  private static let longest: UInt64 = 1_000_000

  init(_ identifier: String, generics: [any Any.Type]) {
    self.identifier = identifier
    self.generics = generics
    execution = generics.isEmpty ? TargetExecution(identifier) : nil
  }

  var call: RemoteCallTarget { RemoteCallTarget(identifier) }

  /// Whether it has ever called an actor of another process.
  var callsOut: Bool {
    get { makesCalls.load(ordering: .relaxed) }
    set { makesCalls.store(newValue, ordering: .relaxed) }
  }

  var isShort: Bool { mean.load(ordering: .relaxed) < Self.short }

  func took(_ nanoseconds: UInt64) {
    // Two at a time may lose one of them, which a mean survives.
    let before = mean.load(ordering: .relaxed)
    mean.store((before * 3 + min(nanoseconds, Self.longest)) / 4, ordering: .relaxed)
  }
}

/// Reads the beginning of a mangled name, as far as is needed to tell whose function it is (Mangling.rst of the Swift
/// project: identifiers).
struct MangledName {
  private let bytes: ArraySlice<UInt8>
  private var at: Int

  init(_ text: String) {
    bytes = Array(text.utf8)[...]
    at = 0
  }

  init(_ bytes: ArraySlice<UInt8>) {
    self.bytes = bytes
    at = bytes.startIndex
  }

  var rest: ArraySlice<UInt8> { bytes[at...] }

  mutating func skip(_ text: String) -> Bool { skip(Array(text.utf8)) }

  mutating func skip(_ prefix: [UInt8]) -> Bool {
    guard !prefix.isEmpty, rest.starts(with: prefix) else { return false }
    at += prefix.count
    return true
  }

  struct Identifier {
    let text: ArraySlice<UInt8>
    /// Written out, without words from earlier ones and without Punycode.
    let isPlain: Bool
  }

  mutating func identifier() -> Identifier? {
    guard let first = peek, Self.isDigit(first) else { return nil }
    var hasWords = false
    var isPunycode = false
    if first == UInt8(ascii: "0") {
      at += 1
      if peek == UInt8(ascii: "0") {
        at += 1
        isPunycode = true
      } else {
        hasWords = true
      }
    }
    let isPlain = !hasWords && !isPunycode
    var text = bytes[at..<at]
    repeat {
      while hasWords, let letter = peek, Self.isLetter(letter) {
        at += 1
        // A capital is the last of them.
        if letter < UInt8(ascii: "a") { hasWords = false }
      }
      if !isPlain, !isPunycode, peek == UInt8(ascii: "0") {
        at += 1
        break
      }
      guard let count = natural() else { return nil }
      if isPunycode, peek == UInt8(ascii: "_") { at += 1 }
      guard count > 0, count <= bytes.endIndex - at else { return nil }
      text = bytes[at..<(at + count)]
      at += count
    } while hasWords
    return Identifier(text: text, isPlain: isPlain)
  }

  private mutating func natural() -> Int? {
    var value = 0
    let start = at
    while let digit = peek, Self.isDigit(digit), at - start < 6 {
      value = value * 10 + Int(digit - UInt8(ascii: "0"))
      at += 1
    }
    return at > start ? value : nil
  }

  /// What follows a type is a function of it, and not a type inside it. A function in another module's extension has
  /// that module's name in between.
  var isFunction: Bool {
    var copy = self
    for _ in 0..<2 {
      guard copy.identifier() != nil else { return false }
      // One that is private: its file's identifier, and LL.
      if let digit = copy.peek, Self.isDigit(digit) {
        var other = copy
        if other.identifier() != nil, other.skip("LL") { copy = other }
      }
      if copy.peek == UInt8(ascii: "E") {
        copy.at += 1
        continue
      }
      guard let next = copy.peek, rest.suffix(2).elementsEqual("TE".utf8) else { return false }
      // A class, a structure, an enumeration, a protocol, another name of a type.
      return !"CVOPa".utf8.contains(next)
    }
    return false
  }

  private var peek: UInt8? { at < bytes.endIndex ? bytes[at] : nil }
  private static func isDigit(_ byte: UInt8) -> Bool { byte >= 48 && byte <= 57 }
  private static func isLetter(_ byte: UInt8) -> Bool {
    byte >= 65 && byte <= 90 || byte >= 97 && byte <= 122
  }
}
