public import ConcurrencyModels

extension Receive where Value: Message {
  /// Receives from a channel to another process; the closure gets nil when its last sender has closed. A channel that is
  /// nil is never ready.
  ///
  /// A message that isn't a `Value`, or a channel that fails, makes the select throw ``ChannelError``.
  ///
  /// - Parameter body: runs after the select has chosen this case.
  public init(_ receiver: SharedReceiver<Value>?, _ body: @escaping (Value?) async throws -> Outcome) {
    self.init(Value.self, from: receiver?.core, body)
  }

  /// Receives a value from an untyped channel.
  package init(
    _ type: Value.Type, from receiver: SharedByteReceiver?, _ body: @escaping (Value?) async throws -> Outcome
  ) {
    self.init { () -> SelectArm<Outcome> in
      let source = ReceivingSource(receiver)
      return SourceArm(source) {
        guard let bytes = try source.result() else { return try await body(nil) }
        return try await body(try Value(decoding: bytes.span))
      }
    }
  }
}

extension Send where Value: Message {
  /// Sends to a channel to another process. A channel that is nil is never ready; one whose last receiver has closed makes
  /// the select throw `closed`.
  ///
  /// A large message (see ``SharedSender``) is chosen once it can begin to go, and is sent before the closure runs.
  ///
  /// - Parameter body: runs after the value was sent.
  public init(
    _ value: Value, to sender: SharedSender<Value>?, _ body: @escaping () async throws -> Outcome
  ) { self.init(value, to: sender?.core, body) }

  /// Sends a value to an untyped channel.
  package init(_ value: Value, to sender: SharedByteSender?, _ body: @escaping () async throws -> Outcome) {
    self.init { () -> SelectArm<Outcome> in
      let source = SendingSource(sender, Result { try SharedByteSender.bytes(value) })
      return SourceArm(source) {
        try await source.finish()
        return try await body()
      }
    }
  }
}

private final class ReceivingSource: SelectSource {
  private let receiver: SharedByteReceiver?
  private var found: Result<[UInt8]?, any Error> = .success(nil)
  private var seen = ReadinessWatch.SeenState()

  init(_ receiver: SharedByteReceiver?) { self.receiver = receiver }

  func attempt() -> Bool {
    guard let receiver else { return false }
    do throws(ChannelError) {
      guard let bytes = try receiver.take(&seen) else { return false }
      found = .success(bytes)
    } catch {
      found = error.code == .closed ? .success(nil) : .failure(error)
    }
    return true
  }

  func result() throws -> [UInt8]? { try found.get() }

  func register(_ waker: SelectWaker) { receiver?.register(waker, seen) }
  func unregister(_ waker: SelectWaker) { receiver?.unregister(waker) }
}

private final class SendingSource: SelectSource {
  private let sender: SharedByteSender?
  private let bytes: Result<[UInt8], any Error>
  private var failure: (any Error)?
  private var isSent = false
  private var seen = ReadinessWatch.SeenState()

  init(_ sender: SharedByteSender?, _ bytes: Result<[UInt8], any Error>) {
    self.sender = sender
    self.bytes = bytes
  }

  func attempt() -> Bool {
    guard let sender else { return false }
    do {
      let bytes = try bytes.get()
      if !sender.isWhole(bytes) { return try sender.hasRoom(&seen) }
      isSent = try sender.put(bytes, &seen)
      return isSent
    } catch {
      failure = error
      return true
    }
  }

  nonisolated(nonsending) func finish() async throws {
    if let failure { throw failure }
    if !isSent { try await sender?.sendLarge(try bytes.get()) }
  }

  func register(_ waker: SelectWaker) { sender?.register(waker, seen, (try? bytes.get()) ?? []) }
  func unregister(_ waker: SelectWaker) { sender?.unregister(waker) }
}
