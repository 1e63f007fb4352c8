import ConcurrencyModels
import SystemCalls

/// One client of the site. It reads requests, and answers them one after the other.
final class SiteConnection {
  private static let largestRequest = 16384

  private let loop: EventLoop
  private let socket: Descriptor
  private let responder: SiteResponder
  private let onClose: () -> Void
  private var token: UInt64 = 0
  private var timer: UInt64?
  private var input: [UInt8] = []
  private var output: [UInt8] = []
  private var sent = 0
  private var endless: [UInt8]?
  private var closesWhenSent = false
  private var isAnswering = false
  private var isOpen = true

  init(
    _ loop: EventLoop, _ socket: consuming Descriptor, _ responder: SiteResponder,
    onClose: @escaping () -> Void
  ) throws(SystemError) {
    self.loop = loop
    self.responder = responder
    self.onClose = onClose
    try socket.setNonblocking(true)
    self.socket = socket
    do throws(EventLoopError) {
      token = try loop.watch(self.socket.raw, .read) { [unowned self] found in turn(found) }
    } catch {
      throw error.systemError
    }
  }

  private func close() {
    guard isOpen else { return }
    isOpen = false
    loop.remove(token)
    if let timer { loop.cancel(timer: timer) }
    // Not now: a method of this object is running.
    loop.callSoon(onClose)
  }

  private func turn(_ found: DescriptorEvents) {
    if found.contains(.failed) || found.contains(.hangUp) { return close() }
    if found.contains(.read) { read() }
    if isOpen, found.contains(.write) { write() }
  }

  private func read() {
    var chunk = [UInt8](repeating: 0, count: 4096)
    do throws(SystemError) {
      var truncated = false
      let count = unsafe try chunk.withUnsafeMutableBytesThrowing { bytes throws(SystemError) in
        unsafe try Sockets.recvmsg(socket.raw, into: bytes, wait: false, truncated: &truncated)
      }
      if count == 0 { return close() }
      input += chunk[..<count]
      guard input.count <= Self.largestRequest else { return close() }
      answerNext()
    } catch {
      if !error.wouldBlock { close() }
    }
  }

  /// Answers the first complete request, unless one is being answered.
  private func answerNext() {
    guard !isAnswering, let end = Self.endOfHeaders(input) else { return }
    let head = String(decoding: input[..<end], as: UTF8.self)
    input.removeFirst(end)
    let lines = head.split(separator: "\r\n")
    let words = (lines.first ?? "").split(separator: " ")
    guard words.count == 3, words[0] == "GET" || words[0] == "HEAD", words[2].hasPrefix("HTTP/1.") else {
      output = Array("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".utf8)
      closesWhenSent = true
      isAnswering = true
      return write()
    }
    var closes = words[2] == "HTTP/1.0"
    for line in lines where line.lowercased().hasPrefix("connection:") {
      closes = line.lowercased().contains("close")
    }
    let response = responder.respond(to: words[1])
    isAnswering = true
    let isHead = words[0] == "HEAD"
    if response.delayMilliseconds > 0 {
      timer = loop.after(UInt64(response.delayMilliseconds) * 1_000_000) { [unowned self] in
        timer = nil
        answer(response, closes: closes, isHead: isHead)
      }
    } else {
      answer(response, closes: closes, isHead: isHead)
    }
  }

  private static func endOfHeaders(_ bytes: [UInt8]) -> Int? {
    guard bytes.count >= 4 else { return nil }
    for index in 3..<bytes.count
    where bytes[(index - 3)...index].elementsEqual("\r\n\r\n".utf8) {
      return index + 1
    }
    return nil
  }

  private func answer(_ response: SiteResponder.Response, closes: Bool, isHead: Bool) {
    if response.hangsUp { return close() }
    closesWhenSent = closes || response.closes
    var head = "HTTP/1.1 \(response.status)\r\n"
    for header in response.headers { head += header + "\r\n" }
    if !response.isEndless { head += "Content-Length: \(response.claimedLength ?? response.body.count)\r\n" }
    head += closesWhenSent ? "Connection: close\r\n\r\n" : "Connection: keep-alive\r\n\r\n"
    output = Array(head.utf8) + (isHead ? [] : response.body)
    endless = response.isEndless && !isHead ? response.body : nil
    sent = 0
    write()
  }

  private func write() {
    do throws(SystemError) {
      while true {
        while sent < output.count {
          sent += unsafe try output.span.extracting(sent...).withUnsafeBytes { bytes throws(SystemError) in
            unsafe try Sockets.sendmsg(
              socket.raw, bytes, UnsafeRawBufferPointer(start: nil, count: 0), wait: false)
          }
        }
        guard let endless else { break }
        output = endless
        sent = 0
        // The rest in the next turn of the loop, so that a fast client doesn't starve the others.
        return waitFor([.read, .write])
      }
    } catch {
      guard error.wouldBlock else { return close() }
      return waitFor([.read, .write])
    }
    output = []
    isAnswering = false
    if closesWhenSent { return close() }
    waitFor(.read)
    if isOpen { answerNext() }
  }

  private func waitFor(_ events: DescriptorEvents) {
    do throws(EventLoopError) {
      try loop.change(token, events)
    } catch {
      close()
    }
  }
}

extension [UInt8] {
  /// `withUnsafeMutableBytes` with a typed error.
  fileprivate mutating func withUnsafeMutableBytesThrowing<Result, Failure: Error>(
    _ body: (UnsafeMutableRawBufferPointer) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    var span = mutableSpan
    return unsafe try span.withUnsafeMutableBytes(body)
  }
}
