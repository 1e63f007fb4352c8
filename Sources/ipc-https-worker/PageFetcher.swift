import Crawling
import Foundation
import FoundationNetworking
import Synchronization

/// Fetches one page at a time with URLSession, within a time limit and a size limit. It reports redirects and doesn't
/// follow them, so that the frontier decides whether their target is known.
final class PageFetcher: Sendable {
  private static let longest: TimeInterval = 30
  private static let largest = 16 << 20

  /// A session and its delegate.
  private final class Line: Sendable {
    let session: URLSession
    let delegate = FetchDelegate(limit: PageFetcher.largest)

    init() {
      let configuration = URLSessionConfiguration.ephemeral
      configuration.timeoutIntervalForRequest = PageFetcher.longest
      configuration.timeoutIntervalForResource = PageFetcher.longest
      configuration.urlCache = nil
      configuration.httpCookieStorage = nil
      configuration.httpShouldSetCookies = false
      configuration.httpAdditionalHeaders = ["User-Agent": "swift-ipc-crawl/1"]
      session = URLSession(configuration: configuration, delegate: delegate, delegateQueue: nil)
    }
  }

  private let line = Mutex(Line())

  init() {}

  /// Replaces a session that is still busy with a page that was given up.
  private func hangUp(_ old: Line) {
    line.withLock { $0 = Line() }
    DispatchQueue.global().async { old.session.invalidateAndCancel() }
  }

  /// Fetches a page and reads its links. A failure is part of the result.
  func fetch(_ job: CrawlJob) -> CrawlPage {
    var page = CrawlPage()
    guard let url = URL(string: job.url) else {
      page.failure = "invalid URL"
      return page
    }
    var request = URLRequest(url: url)
    if !job.authorization.isEmpty {
      request.setValue(job.authorization, forHTTPHeaderField: "Authorization")
    }
    let clock = ContinuousClock()
    let start = clock.now
    let line = self.line.withLock { $0 }
    let fetched = line.delegate.wait(for: line.session.dataTask(with: request), longest: Self.longest + 5)
    if fetched.isCutOff { hangUp(line) }
    if let response = fetched.response {
      page.status = Int32(clamping: response.statusCode)
      page.bytes = Int64(fetched.body.count)
      page.read(
        Array(fetched.body), at: PageURL(job.url)!, location: response.value(forHTTPHeaderField: "Location"),
        type: response.value(forHTTPHeaderField: "Content-Type"))
    }
    page.failure = fetched.failure ?? ""
    let took = clock.now - start
    page.microseconds = took.components.seconds * 1_000_000 + took.components.attoseconds / 1_000_000_000_000
    return page
  }
}

/// One fetch at a time: collects the body up to a limit, stops redirects, and wakes the waiting thread.
private final class FetchDelegate: NSObject, URLSessionDataDelegate, Sendable {
  struct Fetched: Sendable {
    var response: HTTPURLResponse?
    var body = Data()
    var failure: String?
    /// Whether the session is still busy with it.
    var isCutOff = false
  }

  private let limit: Int
  private let fetched = Mutex<(task: Int, result: Fetched)>((-1, Fetched()))
  private let done = DispatchSemaphore(value: 0)

  init(limit: Int) { self.limit = limit }

  func wait(for task: URLSessionDataTask, longest: TimeInterval) -> Fetched {
    fetched.withLock { $0 = (task.taskIdentifier, Fetched()) }
    task.resume()
    let end = DispatchTime.now() + longest
    var came = false
    // An earlier page may have signalled too late.
    repeat {
      came = done.wait(timeout: end) == .success
    } while came && fetched.withLock { $0.task == task.taskIdentifier }
    return fetched.withLock { state in
      if !came {
        state.result.failure = "no response within \(Int(longest)) s"
        state.result.isCutOff = true
      }
      state.task = -1
      return state.result
    }
  }

  func urlSession(
    _ session: URLSession, task: URLSessionTask, willPerformHTTPRedirection response: HTTPURLResponse,
    newRequest request: URLRequest, completionHandler: @escaping @Sendable (URLRequest?) -> Void
  ) {
    fetched.withLock { state in
      if state.task == task.taskIdentifier { state.result.response = response }
    }
    completionHandler(nil)
  }

  func urlSession(
    _ session: URLSession, dataTask: URLSessionDataTask, didReceive response: URLResponse,
    completionHandler: @escaping @Sendable (URLSession.ResponseDisposition) -> Void
  ) {
    fetched.withLock { state in
      if state.task == dataTask.taskIdentifier { state.result.response = response as? HTTPURLResponse }
    }
    completionHandler(.allow)
  }

  func urlSession(_ session: URLSession, dataTask: URLSessionDataTask, didReceive data: Data) {
    let isOver = fetched.withLock { state in
      guard state.task == dataTask.taskIdentifier else { return false }
      state.result.body.append(data)
      if state.result.body.count > limit {
        state.result.failure = "the body is over \(limit >> 20) MiB"
        state.result.isCutOff = true
        state.task = -1
        return true
      }
      return false
    }
    if isOver { done.signal() }
  }

  func urlSession(_ session: URLSession, task: URLSessionTask, didCompleteWithError error: (any Error)?) {
    let wasWaited = fetched.withLock { state in
      guard state.task == task.taskIdentifier else { return false }
      if let error, state.result.failure == nil, !(state.result.response.map(Self.isRedirect) ?? false) {
        state.result.failure = (error as? URLError).map(Self.words) ?? error.localizedDescription
      }
      state.task = -1
      return true
    }
    if wasWaited { done.signal() }
  }

  private static func isRedirect(_ response: HTTPURLResponse) -> Bool {
    (300..<400).contains(response.statusCode)
  }

  /// URLError's own descriptions are the same for most codes.
  private static func words(_ error: URLError) -> String {
    switch error.code {
    case .cannotConnectToHost: "no server answers at this address"
    case .cannotFindHost, .dnsLookupFailed: "unknown host"
    case .timedOut: "the response took too long"
    case .networkConnectionLost: "the connection was closed before the response was complete"
    case .badServerResponse, .cannotParseResponse: "the response isn't HTTP"
    case .unsupportedURL, .badURL: "the URL can't be fetched"
    default: "URL error \(error.code.rawValue): \(error.localizedDescription)"
    }
  }
}
