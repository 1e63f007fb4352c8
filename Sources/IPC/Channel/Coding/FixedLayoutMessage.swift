import Synchronization

/// A value that is sent as it lies in memory: no encoder, one copy. For integers, floating-point numbers, SIMD vectors, and
/// structs of them.
///
/// ```swift
/// struct Sample: FixedLayoutMessage {
///   var time: UInt64
///   var value: Double
/// }
/// ```
///
/// Every bit pattern must be valid, and there must be no padding, since padding would send bytes of other values. Both are
/// checked once for each type, when an endpoint for it is opened, or when a value is first encoded or decoded as a part of
/// another message: `notSupported` names the member at fault. A Bool, an enumeration and a reference are not allowed (write
/// a UInt8, a raw value); members are ordered from the largest to the smallest, with a UInt8, UInt16 or UInt32 more where
/// bytes are missing.
///
/// The coding is always the value's memory: leave `encode(to:)` and `init(from:)` to this protocol.
///
/// Numbers are in the machine's byte order, which is little-endian wherever this library runs.
public protocol FixedLayoutMessage: Message {}

extension FixedLayoutMessage {
  /// ``MessageCoding/fixed``.
  public static var messageCoding: MessageCoding { .fixed }

  /// The value's memory.
  /// - Throws: `notSupported` for a type whose layout isn't fixed.
  @inlinable public func encode(to writer: inout MessageWriter) throws(ChannelError) {
    try writer.append(memoryOf: self)
  }

  /// The value's memory.
  /// - Throws: `notSupported` for a type whose layout isn't fixed; `invalidMessage`.
  @inlinable public init(from reader: inout MessageReader) throws(ChannelError) {
    self = try reader.memory(of: Self.self)
  }
}

extension MessageWriter {
  @inlinable mutating func append<Value: FixedLayoutMessage>(memoryOf value: Value) throws(ChannelError) {
    if !FixedLayout.isNumber(Value.self) { try FixedLayout.require(Value.self) }
    unsafe withUnsafeBytes(of: value) { unsafe storage.append(contentsOf: $0) }
  }
}

extension MessageReader {
  @inlinable mutating func memory<Value: FixedLayoutMessage>(
    of type: Value.Type
  ) throws(ChannelError) -> Value {
    if !FixedLayout.isNumber(type) { try FixedLayout.require(type) }
    let at = try skip(MemoryLayout<Value>.size)
    return unsafe bytes.withUnsafeBytes {
      unsafe FixedLayout.value(UnsafeRawBufferPointer(rebasing: $0[at..<(at + MemoryLayout<Value>.size)]))
    }
  }
}

extension Int: FixedLayoutMessage {}
extension Int8: FixedLayoutMessage {}
extension Int16: FixedLayoutMessage {}
extension Int32: FixedLayoutMessage {}
extension Int64: FixedLayoutMessage {}
extension Int128: FixedLayoutMessage {}
extension UInt: FixedLayoutMessage {}
extension UInt8: FixedLayoutMessage {}
extension UInt16: FixedLayoutMessage {}
extension UInt32: FixedLayoutMessage {}
extension UInt64: FixedLayoutMessage {}
extension UInt128: FixedLayoutMessage {}
extension Float16: FixedLayoutMessage {}
extension Float: FixedLayoutMessage {}
extension Double: FixedLayoutMessage {}
// SIMD3 has padding.
extension SIMD2: Message, FixedLayoutMessage where Scalar: FixedLayoutMessage {}
extension SIMD4: Message, FixedLayoutMessage where Scalar: FixedLayoutMessage {}
extension SIMD8: Message, FixedLayoutMessage where Scalar: FixedLayoutMessage {}
extension SIMD16: Message, FixedLayoutMessage where Scalar: FixedLayoutMessage {}
extension SIMD32: Message, FixedLayoutMessage where Scalar: FixedLayoutMessage {}
extension SIMD64: Message, FixedLayoutMessage where Scalar: FixedLayoutMessage {}

extension InlineArray: Message where Element: FixedLayoutMessage {}
extension InlineArray: FixedLayoutMessage where Element: FixedLayoutMessage {}

/// A list whose elements lie one behind the other, which a mirror doesn't show.
private protocol FixedList {
  static var element: any FixedLayoutMessage.Type { get }
}
extension InlineArray: FixedList where Element: FixedLayoutMessage {
  fileprivate static var element: any FixedLayoutMessage.Type { Element.self }
}

/// Looks whether a type's memory can be sent as it is.
@usableFromInline enum FixedLayout {
  /// Whether the type is one of the numbers that this library makes messages. The compiler knows, where it knows the type.
  @inlinable @inline(__always) static func isNumber<Value>(_ type: Value.Type) -> Bool {
    type == Int.self || type == UInt8.self || type == Int32.self || type == UInt32.self || type == Int64.self
      || type == UInt64.self || type == Double.self || type == Float.self || type == UInt.self
      || type == Int8.self || type == Int16.self || type == UInt16.self || type == Float16.self
      || type == Int128.self || type == UInt128.self
  }

  /// A value of a type whose layout was checked: any bytes are one. They are copied once: in shared memory the sender can
  /// still write to them.
  /// - Parameter bytes: as many as the value has.
  @inlinable static func value<Value: FixedLayoutMessage>(_ bytes: UnsafeRawBufferPointer) -> Value {
    unsafe withUnsafeTemporaryAllocation(of: Value.self, capacity: 1) { value in
      unsafe UnsafeMutableRawBufferPointer(value).copyMemory(from: bytes)
      return unsafe value.moveElement(from: 0)
    }
  }

  /// Types that have passed ``check(_:)``, each in the slot that its address chooses.
  private static let checked = InlineArray<64, Atomic<UInt>> { _ in Atomic(0) }

  /// Checks a type, the first time.
  /// - Throws: `notSupported`, with the member that can't be sent.
  @usableFromInline static func require<Element: FixedLayoutMessage>(
    _ type: Element.Type
  ) throws(ChannelError) {
    let id = UInt(bitPattern: ObjectIdentifier(type))
    // The addresses of types are multiples of eight.
    let slot = Int(id / 8 % 64)
    if checked[slot].load(ordering: .relaxed) == id { return }
    try check(type)
    checked[slot].store(id, ordering: .relaxed)
  }

  /// - Throws: `notSupported`, with the member that can't be sent.
  static func check<Element: FixedLayoutMessage>(_ type: Element.Type) throws(ChannelError) {
    func refuse(_ why: String) -> ChannelError {
      ChannelError(
        .notSupported, .open, nil,
        "\(type) can't be a FixedLayoutMessage: \(why); or make the type Codable, Message")
    }
    guard _isPOD(type) else { throw refuse("it contains a reference: use numbers alone") }
    var fault: String?
    let used = size(of: zero(type), "", &fault)
    if let fault { throw refuse(fault) }
    guard used == MemoryLayout<Element>.size else {
      throw refuse(
        "it has \(MemoryLayout<Element>.size) bytes, and its members have \(used), so that the rest is padding: order the members from the largest to the smallest, and fill up with UInt8 members"
      )
    }
  }

  /// A value of zeros.
  private static func zero<Element>(_ type: Element.Type) -> Element {
    // All bits zero are a value, if the type is what it says.
    unsafe withUnsafeTemporaryAllocation(of: Element.self, capacity: 1) { value in
      unsafe UnsafeMutableRawBufferPointer(value).initializeMemory(as: UInt8.self, repeating: 0)
      return unsafe value.moveElement(from: 0)
    }
  }

  /// The bytes of the numbers in a vector: three scalars have room for four.
  private static func size<Vector: SIMD>(
    ofVector vector: Vector.Type, _ path: String, _ fault: inout String?
  ) -> Int {
    if !isNumber(Vector.Scalar.self), fault == nil {
      fault = "its member \(path.isEmpty ? "" : "\(path) ")is a \(vector), which isn't of numbers"
    }
    return Vector.scalarCount * MemoryLayout<Vector.Scalar>.size
  }

  /// The bytes of the numbers in a list, of which the size of a value is known.
  private static func size<List: FixedList>(
    ofList list: List.Type, _ path: String, _ fault: inout String?
  ) -> Int {
    func element<Element: FixedLayoutMessage>(_ type: Element.Type) -> Int {
      let stride = MemoryLayout<Element>.stride
      guard stride > 0 else { return 0 }
      return MemoryLayout<List>.size / stride * size(of: zero(type), "\(path)[0]", &fault)
    }
    return element(list.element)
  }

  /// The bytes of the numbers in a value.
  private static func size<Value>(of value: Value, _ path: String, _ fault: inout String?) -> Int {
    if isNumber(Value.self) { return MemoryLayout<Value>.size }
    if let vector = Value.self as? any SIMD.Type { return size(ofVector: vector, path, &fault) }
    if let list = Value.self as? any FixedList.Type { return size(ofList: list, path, &fault) }
    let mirror = Mirror(reflecting: value)
    guard mirror.displayStyle == .struct || mirror.displayStyle == .tuple, !mirror.children.isEmpty else {
      if MemoryLayout<Value>.size > 0, fault == nil {
        let member = path.isEmpty ? "" : "\(path) "
        fault = "its member \(member)is a \(Value.self), which isn't a number: make it one"
      }
      return 0
    }
    if Value.self is any CustomReflectable.Type {
      fault =
        fault ?? "\(path.isEmpty ? "it" : "its member \(path)") hides its members behind a mirror of its own"
      return 0
    }
    var used = 0
    // Swift leaves no room for a superclass or a wrapper that a mirror doesn't show.
    for child in mirror.children {
      let name = path.isEmpty ? child.label ?? "?" : "\(path).\(child.label ?? "?")"
      used += size(of: child.value, name, &fault)
    }
    return used
  }
}
