/// A case of a ``select(_:)``: ``Receive``, ``Send``, ``After`` or ``Otherwise``.
public protocol SelectCase<Outcome> {
  /// What the select returns when it chooses this case.
  associatedtype Outcome
  /// What the select runs. Not for callers.
  var arm: SelectArm<Outcome> { get }
}

/// Receives from a channel. The closure gets nil when the channel is closed and empty. A channel that is nil is
/// never ready.
public struct Receive<Value: Sendable, Outcome>: SelectCase {
  @usableFromInline let channel: LocalChannel<Value>?
  @usableFromInline let body: (Value?) async throws -> Outcome
  /// Makes the arm of a channel of another kind.
  @usableFromInline let makeOther: (() -> SelectArm<Outcome>)?

  /// - Parameters:
  ///   - channel: the channel to receive from; nil: the case is never ready.
  ///   - body: runs after the select has chosen this case.
  @inlinable public init(
    _ channel: LocalChannel<Value>?, _ body: @escaping (Value?) async throws -> Outcome
  ) {
    self.channel = channel
    self.body = body
    makeOther = nil
  }

  /// Receives from a channel of another kind.
  package init(_ make: @escaping () -> SelectArm<Outcome>) {
    channel = nil
    body = { _ in throw CancellationError() }
    makeOther = make
  }

  /// What the select runs. Not for callers.
  @inlinable public var arm: SelectArm<Outcome> {
    if let channel { return ReceiveArm(channel, ChannelSlot(), body) }
    return makeOther?() ?? SelectArm(nil)
  }
}

/// Sends to a channel. A channel that is nil is never ready; one that is closed makes the select throw
/// `sendOnClosed`.
public struct Send<Value: Sendable, Outcome>: SelectCase {
  /// The value, and the channel that takes it.
  @usableFromInline let target: (value: Value, channel: LocalChannel<Value>)?
  @usableFromInline let body: () async throws -> Outcome
  /// Makes the arm of a channel of another kind.
  @usableFromInline let makeOther: (() -> SelectArm<Outcome>)?

  /// - Parameters:
  ///   - value: the value to send.
  ///   - channel: the channel to send to; nil: the case is never ready.
  ///   - body: runs after the value was sent.
  @inlinable public init(
    _ value: Value, to channel: LocalChannel<Value>?, _ body: @escaping () async throws -> Outcome
  ) {
    target = channel.map { (value, $0) }
    self.body = body
    makeOther = nil
  }

  /// Sends to a channel of another kind.
  package init(_ make: @escaping () -> SelectArm<Outcome>) {
    target = nil
    body = { throw CancellationError() }
    makeOther = make
  }

  /// What the select runs. Not for callers.
  @inlinable public var arm: SelectArm<Outcome> {
    if let target { return SendArm(target.channel, ChannelSlot(target.value), body) }
    return makeOther?() ?? SelectArm(nil)
  }
}

/// Is ready when this much time has passed since the select began to wait.
public struct After<Outcome>: SelectCase {
  private let duration: Duration
  private let body: () async throws -> Outcome

  /// - Parameters:
  ///   - duration: the time to wait for another case.
  ///   - body: runs when the time has passed.
  public init(_ duration: Duration, _ body: @escaping () async throws -> Outcome) {
    self.duration = duration
    self.body = body
  }

  /// What the select runs. Not for callers.
  public var arm: SelectArm<Outcome> { TimerArm(duration, body) }
}

/// Is chosen when no other case is ready, so that the select doesn't wait: Go's `default`.
public struct Otherwise<Outcome>: SelectCase {
  private let body: () async throws -> Outcome

  /// - Parameter body: runs after the select has chosen this case.
  public init(_ body: @escaping () async throws -> Outcome) { self.body = body }

  /// What the select runs. Not for callers.
  public var arm: SelectArm<Outcome> { OtherwiseArm(nil, body) }
}

/// The cases between the braces of a ``select(_:)``.
@resultBuilder public enum SelectBuilder<Outcome> {
  /// Room for the cases of most selects, so that the first case's array takes the others.
  @inlinable static var usualCases: Int { 4 }

  /// A case.
  @inlinable public static func buildExpression(_ one: some SelectCase<Outcome>) -> [SelectArm<Outcome>] {
    var arms: [SelectArm<Outcome>] = []
    arms.reserveCapacity(usualCases)
    arms.append(one.arm)
    return arms
  }
  /// The first case.
  @inlinable public static func buildPartialBlock(first: [SelectArm<Outcome>]) -> [SelectArm<Outcome>] {
    first
  }
  /// A case after others.
  @inlinable public static func buildPartialBlock(
    accumulated: consuming [SelectArm<Outcome>], next: [SelectArm<Outcome>]
  ) -> [SelectArm<Outcome>] {
    accumulated.append(contentsOf: next)
    return accumulated
  }
  /// Several cases.
  @inlinable public static func buildBlock(_ parts: [SelectArm<Outcome>]...) -> [SelectArm<Outcome>] {
    parts.flatMap { $0 }
  }
  /// An `if` without an `else`.
  @inlinable public static func buildOptional(_ part: [SelectArm<Outcome>]?) -> [SelectArm<Outcome>] {
    part ?? []
  }
  /// The `if` branch of an `if` with an `else`.
  @inlinable public static func buildEither(first part: [SelectArm<Outcome>]) -> [SelectArm<Outcome>] { part }
  /// The `else` branch.
  @inlinable public static func buildEither(second part: [SelectArm<Outcome>]) -> [SelectArm<Outcome>] {
    part
  }
  /// A `for`: a case for each of several channels.
  @inlinable public static func buildArray(_ parts: [[SelectArm<Outcome>]]) -> [SelectArm<Outcome>] {
    parts.flatMap { $0 }
  }
}
