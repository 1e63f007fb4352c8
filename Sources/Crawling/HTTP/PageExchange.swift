import ConcurrencyModels
import Glibc
import SystemCalls

/// The fetch of a page over a connection, without any waiting: the model of concurrency waits, and calls ``advance()``
/// again.
///
/// ```swift
/// let exchange = PageExchange(job, client)
/// while !exchange.advance() { try await loop.ready(exchange.descriptor, exchange.events) }
/// ```
///
/// A connection that an earlier page has left is used again. Its server may close it at any time: if that happens
/// before it has answered, the request is sent once more, over a new connection.
final class PageExchange {
  private static let chunk = 16 << 10
  /// How many chunks are received in a row, so that a large page doesn't hold up the others.
  private static let mostChunks = 16

  /// What the exchange waits for: equal as long as the same descriptor is waited for in the same way.
  struct Wait: Equatable {
    fileprivate var connection = 0
    fileprivate(set) var isSending = true
  }

  private let client: PageClient
  private var address: PageAddress?
  private var connection: PageConnection?
  /// Whether the connection has served an earlier page.
  private var isKept = false
  private var isConnected = false
  private var request: [UInt8] = []
  private var sent = 0
  private(set) var wait = Wait()
  private(set) var answer = PageResponse()

  @inline(never) init(_ job: CrawlJob, _ client: PageClient) {
    self.client = client
    do throws(PageFailure) {
      let address = try PageAddress(job, client.servers)
      self.address = address
      request = address.request
    } catch {
      answer.fail(error)
    }
  }

  /// The descriptor of the connection, for which ``events`` are waited for.
  var descriptor: Int32 { connection?.descriptor ?? -1 }

  var events: DescriptorEvents { wait.isSending ? .write : .read }

  /// Does what is possible without waiting. Returns whether the exchange is over: ``answer`` is the result.
  ///
  /// Not inlined into async functions: its temporary allocation would then come from the task, which keeps its memory.
  @inline(never) func advance() -> Bool {
    do throws(SystemError) {
      while !answer.isOver {
        if connection == nil {
          try connect()
          // A new connection is writable once it is made.
          if !isKept { return false }
        }
        if wait.isSending {
          try send()
          return false
        }
        if try !receive() { return false }
      }
      leave()
    } catch {
      if error.wouldBlock { return false }
      end(PageFailure(error))
    }
    return true
  }

  /// Ends the exchange: what was received until then is the result.
  func end(_ failure: PageFailure) {
    answer.fail(failure)
    connection = nil
  }

  private func connect() throws(SystemError) {
    guard let address else { return }
    let kept = wait.connection == 0 ? client.connections.take(address.host) : nil
    isKept = kept != nil
    isConnected = isKept
    connection = if let kept { kept } else { try PageConnection(address) }
    wait = Wait(connection: wait.connection + 1)
    sent = 0
  }

  /// Sends the rest of the request.
  private func send() throws(SystemError) {
    guard let connection else { return }
    if !isConnected {
      try connection.checkConnected()
      isConnected = true
    }
    do throws(SystemError) {
      let request = request
      while sent < request.count { sent += try connection.send(request.span.extracting(sent...)) }
    } catch {
      guard error.number == EPIPE || error.number == ECONNRESET else { throw error }
      // The server has closed. Receiving gets what it sent before, or that it sent nothing.
    }
    wait.isSending = false
  }

  /// Receives what has arrived. Returns whether the answer is over, or the request is to be sent again.
  private func receive() throws(SystemError) -> Bool {
    guard let connection else { return true }
    return unsafe try withUnsafeTemporaryAllocation(byteCount: Self.chunk, alignment: 16) {
      room throws(SystemError) in
      for _ in 0..<Self.mostChunks {
        let count: Int
        do throws(SystemError) {
          count = unsafe try connection.receive(into: room)
        } catch {
          if error.wouldBlock {
            // A server that sends its headers and its body in two calls sends the body only when the headers are
            // acknowledged (Nagle's algorithm): the kernel does that at once on a new connection, but 40 ms later on one
            // that has served a page.
            if isKept, answer.hasBegun { connection.acknowledge() }
            throw error
          }
          if dropUnanswered() { return true }
          throw error
        }
        if count == 0 {
          if !dropUnanswered() { answer.end() }
          return true
        }
        let filled = unsafe UnsafeRawBufferPointer(rebasing: room[..<count])
        if answer.take(unsafe Span<UInt8>(_unsafeBytes: filled)) { return true }
      }
      return false
    }
  }

  /// Drops a kept connection that the server has closed before it answered, so that the request is sent again. Returns
  /// whether it is such a connection.
  private func dropUnanswered() -> Bool {
    guard isKept, !answer.hasBegun else { return false }
    connection = nil
    return true
  }

  /// Keeps the connection for another page, or closes it.
  private func leave() {
    if answer.keepsConnection, let connection { client.connections.keep(connection) }
    connection = nil
  }
}
