/// What a system call works on: what a trace says of the call beside its name.
package struct CallSubject: Sendable {
  package enum Kind: UInt8, Sendable {
    case none
    /// A file descriptor.
    case descriptor
    /// A System V message queue, by its id.
    case queue
    /// A System V semaphore set, by its id.
    case semaphores
    /// A System V shared memory segment, by its id.
    case segment
    /// A process, by its id.
    case process
    /// A word of memory; ``detail`` is its address in this process.
    case word
  }

  package let kind: Kind
  /// Whether the call may sleep.
  let waits: Bool
  package let number: Int32
  /// How many bytes the call is asked to move.
  let bytes: Int
  /// The message's type, the operation, the address: see ``TraceRecord``.
  let detail: UInt64

  @inline(__always) private init(_ kind: Kind, _ number: Int32, _ bytes: Int, _ detail: UInt64, _ waits: Bool)
  {
    self.kind = kind
    self.number = number
    self.bytes = bytes
    self.detail = detail
    self.waits = waits
  }

  /// Nothing that exists yet.
  @inline(__always) package static var none: CallSubject { CallSubject(.none, 0, 0, 0, false) }

  /// A call that works on nothing of its own, and may sleep.
  @inline(__always) static func nothing(waits: Bool) -> CallSubject { CallSubject(.none, 0, 0, 0, waits) }

  @inline(__always) package static func descriptor(
    _ number: Int32, bytes: Int = 0, detail: UInt64 = 0, waits: Bool = false
  ) -> CallSubject { CallSubject(.descriptor, number, bytes, detail, waits) }

  @inline(__always) static func queue(
    _ id: Int32, bytes: Int = 0, type: Int = 0, waits: Bool = false
  ) -> CallSubject { CallSubject(.queue, id, bytes, UInt64(bitPattern: Int64(type)), waits) }

  @inline(__always) static func semaphores(
    _ id: Int32, steps: UInt64 = 0, waits: Bool = false
  ) -> CallSubject { CallSubject(.semaphores, id, 0, steps, waits) }

  @inline(__always) static func segment(_ id: Int32) -> CallSubject { CallSubject(.segment, id, 0, 0, false) }

  @inline(__always) static func process(_ id: Int32, waits: Bool = false) -> CallSubject {
    CallSubject(.process, id, 0, 0, waits)
  }

  @inline(__always) static func word(
    _ address: UnsafeRawPointer, operation: Int32, waits: Bool = false
  ) -> CallSubject {
    CallSubject(.word, operation, 0, UInt64(UInt(bitPattern: address)), waits)
  }
}
