import IPC
package import Testing

/// Before each test: starts what waits for the channels of tasks, and stays, so that no test counts as leaking it.
package struct WarmAsync: SuiteTrait, TestTrait, TestScoping {
  private static let started: Task<Void, any Error> = Task {
    // The loop's epoll and eventfd, and the first threads of the scheduler.
    for mechanism in [Mechanism.pipe, .memory] {
      let channel = try ByteChannel(over: mechanism)
      let receiver = SharedByteReceiver(channel.receiver)
      let sender = SharedByteSender(channel.sender)
      async let received = receiver.receive(Int.self)
      try await Task.sleep(for: .milliseconds(20))
      try await sender.send(1)
      _ = try await received
      sender.close()
      receiver.close()
    }
  }

  package var isRecursive: Bool { true }

  package func provideScope(
    for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
  ) async throws {
    if testCase != nil {
      try #require(Workspace.warm)
      try await Self.started.value
    }
    try await function()
  }
}

extension Trait where Self == WarmAsync {
  /// Use it before `.guarded`.
  package static var warmAsync: WarmAsync { WarmAsync() }
}
