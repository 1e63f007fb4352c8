import TestSupport
import Testing

@testable import Crawling

/// An HTTP answer as it comes in, in whatever pieces.
@Suite(.watched) struct PageResponseTests {
  /// What an answer has become, fed in pieces that the generator chooses; nil: it isn't whole.
  private func read(
    _ bytes: [UInt8], _ random: inout some RandomNumberGenerator, closes: Bool
  ) throws -> PageResponse? {
    var answer = PageResponse()
    var rest = bytes[...]
    while !rest.isEmpty {
      let piece = Array(rest.prefix(Int.random(in: 1...40, using: &random)))
      rest = rest.dropFirst(piece.count)
      if try answer.take(piece.span) { return answer }
    }
    guard closes else { return nil }
    try answer.end()
    return answer
  }

  @Test func inWhateverPiecesItComes() throws {
    var random = SystemRandomNumberGenerator()
    for _ in 0..<500 {
      let body = (0..<Int.random(in: 0...300)).map { _ in UInt8.random(in: 0...255) }
      let isCounted = Bool.random()
      var head = "HTTP/1.1 \(Int.random(in: 200...599)) Some Words\r\nContent-Type: text/html\r\n"
      if isCounted { head += "content-LENGTH:  \(body.count) \r\n" }
      head += "Location: /there\r\nX: y\r\n\r\n"
      // What follows a body of known length is ignored.
      let bytes = Array(head.utf8) + body + (isCounted ? [1, 2, 3] : [])
      let answer = try #require(try read(bytes, &random, closes: !isCounted || body.isEmpty))
      #expect(Array(answer.body) == body)
      #expect(answer.location == "/there")
      #expect(answer.contentType == "text/html")
      #expect(answer.status == Int(head.split(separator: " ")[1]))
    }
  }

  @Test(arguments: [
    "", "HTT", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n1234",
  ]) func cutOffThatIsSaid(_ text: String) throws {
    var random = SystemRandomNumberGenerator()
    #expect(throws: PageFailure.cutOff) { try read(Array(text.utf8), &random, closes: true) }
  }

  @Test(arguments: [
    "SSH-2.0-OpenSSH\r\n\r\n", "HTTP/2 200\r\n\r\n", "HTTP/1.1 OK\r\n\r\n", "HTTP/1.1 99 X\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n", "\r\n\r\n", "hello",
  ]) func whatIsNoHTTPIsNone(_ text: String) throws {
    var random = SystemRandomNumberGenerator()
    #expect(throws: PageFailure.notHTTP) { try read(Array(text.utf8), &random, closes: true) }
  }

  @Test func aHeadWithoutEndIsNotGatheredForEver() {
    var answer = PageResponse()
    let piece = [UInt8](repeating: 65, count: 10_000)
    #expect(throws: PageFailure.notHTTP) {
      for _ in 0..<20 where try answer.take(piece.span) {}
    }
  }

  @Test func aBodyThatIsTooLargeIsRefused() {
    var answer = PageResponse()
    let head = Array("HTTP/1.1 200 OK\r\n\r\n".utf8)
    let piece = [UInt8](repeating: 65, count: 1 << 20)
    #expect(throws: PageFailure.self) {
      _ = try answer.take(head.span)
      for _ in 0..<20 where try answer.take(piece.span) {}
    }
  }
}
