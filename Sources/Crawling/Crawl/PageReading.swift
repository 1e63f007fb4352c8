extension CrawlPage {
  /// The page of a job, from the response.
  package init(_ answer: PageResponse, of job: CrawlJob) {
    self.init()
    status = Int32(answer.status)
    bytes = Int64(answer.content.count)
    failure = answer.failure?.description ?? ""
    isCut = answer.isCut
    // What has arrived of a body that was cut is read, too.
    if answer.failure == nil || isCut, let url = PageURL(job.url) {
      read(answer.content, at: url, location: answer.location, type: answer.contentType)
    }
  }

  /// Reads the title and the links of a response, whose status is set already.
  ///
  /// - Parameters:
  ///   - location: the Location header.
  ///   - contentType: the Content-Type header; nil counts as HTML.
  private mutating func read(_ body: [UInt8], at url: PageURL, location: String?, type contentType: String?) {
    if (300..<400).contains(status), let location {
      isRedirect = true
      guard let target = PageURL(location, base: url) else {
        failure = PageFailure.redirectsNowhere.description
        return
      }
      links = [target.text]
      return
    }
    let parts = (contentType ?? "text/html").split(separator: ";").map { $0.trimmed() }
    guard let type = parts.first?.lowercased(), type.contains("html") else { return }
    isHTML = true
    let charset = parts.dropFirst().first { $0.lowercased().hasPrefix("charset=") }?.dropFirst(8)
    let found = HTMLPage(
      body, at: url, charset: charset.map { $0.trimmed { $0 == "\"" } }, isXML: type.contains("xhtml"))
    title = found.title
    links = found.links
    linksLeftOut = UInt32(clamping: found.linksLeftOut)
  }
}

extension StringProtocol {
  /// Without the scalars at both ends that are white space, or what else `isCut` says.
  func trimmed(_ isCut: (Unicode.Scalar) -> Bool = \.properties.isWhitespace) -> String {
    var rest = Substring(self).unicodeScalars
    while let first = rest.first, isCut(first) { rest.removeFirst() }
    while let last = rest.last, isCut(last) { rest.removeLast() }
    return String(rest)
  }
}
