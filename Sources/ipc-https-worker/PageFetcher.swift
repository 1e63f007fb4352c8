import CCurlOptions
import Crawling
import Foundation
import FoundationNetworking
import Synchronization

/// Fetches one page at a time with URLSession, within a time limit. The session gets the bytes; headers and bodies are read as
/// those without TLS are, by ``PageResponse``. So redirects are reported and not followed: the frontier decides whether their
/// target is known.
final class PageFetcher: Sendable {
  private static let longest: TimeInterval = 30

  /// A session and its delegate.
  private final class Slot: Sendable {
    let session: URLSession
    let delegate = FetchDelegate()

    init() {
      let configuration = URLSessionConfiguration.ephemeral
      configuration.timeoutIntervalForRequest = PageFetcher.longest
      configuration.timeoutIntervalForResource = PageFetcher.longest
      configuration.urlCache = nil
      configuration.httpCookieStorage = nil
      configuration.httpShouldSetCookies = false
      configuration.httpAdditionalHeaders = [
        "User-Agent": "swift-ipc-crawl/1", "Accept": "text/html", "Accept-Encoding": "gzip, deflate",
      ]
      session = URLSession(configuration: configuration, delegate: delegate, delegateQueue: nil)
    }
  }

  private let slot = Mutex(Slot())

  init() {}

  /// Replaces a session that is still busy with a page that was given up.
  private func replace(_ old: Slot) {
    slot.withLock { $0 = Slot() }
    DispatchQueue.global().async { old.session.invalidateAndCancel() }
  }

  /// Fetches a page and reads its links. A failure is part of the result.
  func fetch(_ job: CrawlJob) -> CrawlPage {
    let clock = ContinuousClock()
    let start = clock.now
    var page = CrawlPage(answer(to: job), of: job)
    let took = clock.now - start
    page.microseconds = took.components.seconds * 1_000_000 + took.components.attoseconds / 1_000_000_000_000
    return page
  }

  private func answer(to job: CrawlJob) -> PageResponse {
    guard let url = URL(string: job.url) else {
      var answer = PageResponse()
      answer.fail(PageFailure("invalid URL"))
      return answer
    }
    var request = URLRequest(url: url)
    if !job.authorization.isEmpty {
      request.setValue(job.authorization, forHTTPHeaderField: "Authorization")
    }
    unsafe ccurloptions_set_address(job.url)
    let slot = self.slot.withLock { $0 }
    let (answer, isBusy) = slot.delegate.wait(
      for: slot.session.dataTask(with: request), longest: Self.longest + 5)
    if isBusy { replace(slot) }
    return answer
  }
}

/// One fetch at a time: collects the answer, and wakes the waiting thread.
private final class FetchDelegate: NSObject, URLSessionDataDelegate, Sendable {
  private struct Fetch {
    /// Of the session's task; -1: none.
    var task = -1
    var answer = PageResponse()
    /// Whether the session is still busy with it.
    var isBusy = false
  }

  private let fetch = Mutex(Fetch())
  private let done = DispatchSemaphore(value: 0)

  func wait(for task: URLSessionDataTask, longest: TimeInterval) -> (answer: PageResponse, isBusy: Bool) {
    fetch.withLock { $0 = Fetch(task: task.taskIdentifier, isBusy: true) }
    task.resume()
    let end = DispatchTime.now() + longest
    var came = false
    // An earlier page may have signalled too late.
    repeat {
      came = done.wait(timeout: end) == .success
    } while came && fetch.withLock { $0.task == task.taskIdentifier }
    return fetch.withLock { fetch in
      if !came { fetch.answer.fail(.tooLate) }
      fetch.task = -1
      return (fetch.answer, fetch.isBusy)
    }
  }

  /// Changes the answer of a task. Wakes the waiting thread if the answer is over, or the session has no more of it.
  private func update(_ task: URLSessionTask, isEnd: Bool = false, _ body: (inout PageResponse) -> Void) {
    let isOver = fetch.withLock { fetch in
      guard fetch.task == task.taskIdentifier else { return false }
      body(&fetch.answer)
      if isEnd { fetch.isBusy = false }
      // The session's own end is waited for where the answer is whole: its connection serves the next page then.
      guard isEnd || fetch.answer.failure != nil else { return false }
      fetch.task = -1
      return true
    }
    if isOver { done.signal() }
  }

  func urlSession(
    _ session: URLSession, dataTask: URLSessionDataTask, didReceive response: URLResponse,
    completionHandler: @escaping @Sendable (URLSession.ResponseDisposition) -> Void
  ) {
    update(dataTask) { $0.takeHeaders() }
    completionHandler(.allow)
  }

  func urlSession(_ session: URLSession, dataTask: URLSessionDataTask, didReceive data: Data) {
    update(dataTask) { answer in
      answer.takeHeaders()
      if !answer.isOver { _ = answer.take(Array(data).span) }
    }
  }

  func urlSession(_ session: URLSession, task: URLSessionTask, didCompleteWithError error: (any Error)?) {
    update(task, isEnd: true) { answer in
      answer.takeHeaders()
      if let error, !answer.hasLastChunk {
        answer.fail(.init(error, hasBegun: answer.status != 0, task.originalRequest?.url))
      }
      answer.end()
    }
  }
}

extension PageResponse {
  /// Takes the headers as the server has sent them, which the session doesn't tell. Does nothing if they were taken before.
  fileprivate mutating func takeHeaders() {
    guard status == 0, !isOver else { return }
    unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(CCURLOPTIONS_MOST_HEADERS)) { room in
      let count = unsafe ccurloptions_copy_headers(room.baseAddress, room.count)
      _ = unsafe take(
        Span<UInt8>(_unsafeBytes: UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(room)[..<count])))
    }
  }
}

extension PageFailure {
  /// URLError's own descriptions are the same for most codes; libcurl's are better.
  /// - Parameter hasBegun: whether the response's headers had been received.
  fileprivate init(_ error: any Error, hasBegun: Bool, _ url: URL?) {
    let text = error.localizedDescription
    guard let code = (error as? URLError)?.code else {
      self.init(text)
      return
    }
    if text.hasPrefix("SSL certificate problem") || text.hasPrefix("SSL: no alternative certificate")
      || text.hasPrefix("SSL: certificate subject name")
    {
      let host = url?.host ?? "the server"
      self.init(
        "the certificate of \(host) isn't trusted (\(text)): --insecure fetches its pages all the same")
      return
    }
    switch code {
    case .cannotConnectToHost: self.init("no server answers at this address")
    case .cannotFindHost, .dnsLookupFailed: self.init("unknown host")
    case .timedOut: self = .tooLate
    case .networkConnectionLost, .badServerResponse: self = .cutOff
    case .cannotParseResponse, .unsupportedURL, .badURL: self = .notHTTP
    default: self = hasBegun ? .cutOff : Self.reason(of: text)
    }
  }

  /// Failures for which URLSession has no code, from libcurl's text.
  private static func reason(of text: String) -> PageFailure {
    if text.hasPrefix("transfer closed") { return .cutOff }
    if text.hasPrefix("Invalid Content-Length") { return .invalidLength }
    if text.hasPrefix("Nul byte") { return .zeroInHeaders }
    // Of a line without an end.
    if text.hasPrefix("Out of memory") { return .headersTooLarge }
    return PageFailure("the response can't be read: \(text)")
  }
}
