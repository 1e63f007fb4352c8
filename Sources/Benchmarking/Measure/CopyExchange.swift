import CBaseline

/// Copies memory, and nothing else: no stream through memory is faster.
@safe final class CopyExchange: Exchange {
  /// How many large messages fit the memory at once.
  static let messagesAtOnce = 8

  private let source: UnsafeMutableRawBufferPointer
  private let target: UnsafeMutableRawBufferPointer

  init(_ spec: ExchangeSpec) {
    unsafe source = .allocate(byteCount: max(spec.size, 64), alignment: 64)
    // As large as the ring of the stream.
    unsafe target = .allocate(
      byteCount: max(spec.size > 1 << 16 ? Self.messagesAtOnce * spec.size : spec.size, 1 << 20),
      alignment: 4096)
    unsafe source.initializeMemory(as: UInt8.self, repeating: 1)
    unsafe target.initializeMemory(as: UInt8.self, repeating: 0)
  }

  deinit {
    unsafe source.deallocate()
    unsafe target.deallocate()
  }

  func run(_ context: ExchangeContext, _ run: ExchangeRun) throws -> Int32 {
    unsafe _ = baseline_copy(
      target.baseAddress!.assumingMemoryBound(to: UInt8.self), target.count,
      source.baseAddress!.assumingMemoryBound(to: UInt8.self), context.spec.size, run.count)
    unsafe context.tally.pointee.received = run.count
    unsafe context.tally.pointee.sum = run.count * (run.count - 1) / 2
    return 0
  }

  func stop(_ receivers: Int) throws {}
  func close() {}
}
