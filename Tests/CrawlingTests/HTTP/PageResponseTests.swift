import CrawlSupport
import Measurement
import TestSupport
import Testing

@testable import Crawling

/// An HTTP response as it arrives, in whatever pieces.
@Suite(.watched) struct PageResponseTests {
  /// A response fed with bytes in pieces whose sizes `size` chooses.
  private func response(_ bytes: [UInt8], closes: Bool, pieces size: () -> Int) -> PageResponse {
    var response = PageResponse()
    var start = 0
    while start < bytes.count {
      let end = min(start + size(), bytes.count)
      // What comes behind a response isn't a part of it.
      let wasOver = response.isOver
      // Not in a macro, where the compiler can't follow the lifetime of a span.
      let isOver = response.take(bytes.span.extracting(start..<end))
      #expect(isOver == response.isOver)
      if wasOver { #expect(response.isOver && !response.keepsConnection) }
      start = end
    }
    if closes { response.end() }
    return response
  }

  private static let seed: UInt64 = {
    let seed = SeededRandom.testSeed()
    print("PageResponseTests: IPC_TEST_SEED=\(seed)")
    return seed
  }()

  private func check(_ expected: ResponseCase, _ found: PageResponse) {
    #expect(found.isOver)
    #expect(found.status == expected.status)
    #expect(found.location == expected.location)
    #expect(found.contentType == expected.contentType)
    #expect(found.content == expected.content)
    #expect(found.isCut == expected.isCut)
    #expect(found.keepsConnection == expected.keeps)
    if let failure = expected.failure {
      #expect(found.failure?.description.contains(failure) == true, "\(found.failure?.description ?? "none")")
    } else {
      #expect(found.failure == nil)
    }
  }

  @Test(arguments: ResponseCase.all) func whatItMeans(_ expected: ResponseCase) {
    Watchdog.at(expected.name)
    check(expected, response(expected.bytes, closes: expected.closes) { .max / 2 })
    check(expected, response(expected.bytes, closes: expected.closes) { 1 })
    var random = SeededRandom(seed: Self.seed)
    for _ in 0..<10 {
      check(
        expected, response(expected.bytes, closes: expected.closes) { Int.random(in: 1...40, using: &random) }
      )
    }
  }

  @Test func everyCaseHasItsName() {
    #expect(Set(ResponseCase.all.map(\.name)).count == ResponseCase.all.count)
    #expect(ResponseCase.all.count >= 70)
  }

  @Test func aResponseThatIsNotOverGoesOn() {
    let bytes = Array("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello".utf8)
    var response = PageResponse()
    for (index, byte) in bytes.enumerated() {
      #expect(!response.isOver && response.failure == nil)
      let piece = [byte]
      let isOver = response.take(piece.span)
      #expect(isOver == (index == bytes.count - 1))
    }
    #expect(response.failure == nil && response.content == Array("hello".utf8))
  }

  @Test func whatCutsItKeepsWhatWasRead() {
    var response = PageResponse()
    let bytes = Array("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel".utf8)
    _ = response.take(bytes.span)
    #expect(!response.isOver)
    response.fail(.tooLate)
    #expect(response.isOver && response.isCut && response.failure == .tooLate)
    #expect(response.status == 200 && response.content == Array("hel".utf8))
    // The first failure stays.
    response.fail(.cancelled)
    response.end()
    #expect(response.failure == .tooLate && !response.keepsConnection)
  }

  // MARK: Limits

  private static let piece = [UInt8](repeating: 65, count: 1 << 20)

  /// A response whose body is the same bytes again and again, until it is over.
  private func endless(_ head: String, _ body: [UInt8], most: Int) -> PageResponse {
    var response = PageResponse()
    let head = Array("HTTP/1.1 200 OK\r\n\(head)\r\n".utf8)
    _ = response.take(head.span)
    for _ in 0..<most where !response.isOver { _ = response.take(body.span) }
    return response
  }

  @Test func aBodyOf16MiBIsWhole() {
    let response = endless("Content-Length: \(16 << 20)\r\n", Self.piece, most: 16)
    #expect(response.failure == nil && response.content.count == 16 << 20 && response.keepsConnection)
  }

  @Test(arguments: ["", "Content-Length: \((16 << 20) + 1)\r\n", "Content-Length: \(Int.max)\r\n"])
  func aLargerBodyIsCut(_ head: String) {
    let response = endless(head, Self.piece, most: 17)
    #expect(response.failure == .bodyTooLarge && response.isCut && !response.keepsConnection)
    #expect(response.content.count == 16 << 20)
  }

  @Test func aLargeBodyInChunksIsCut() {
    let chunk = Array("100000\r\n".utf8) + Self.piece + Array("\r\n".utf8)
    let response = endless("Transfer-Encoding: chunked\r\n", chunk, most: 17)
    #expect(response.failure == .bodyTooLarge && response.isCut && response.content.count == 16 << 20)
  }

  @Test func aBombIsCut() {
    let bomb = Compressed.gzip([UInt8](repeating: 65, count: 40 << 20))
    #expect(bomb.count < 100 << 10)
    let once = endless("Content-Encoding: gzip\r\n", bomb, most: 1)
    #expect(
      once.failure == .bodyTooLarge && once.isCut && once.content == [UInt8](repeating: 65, count: 16 << 20))
    // What is large only on the way is cut, too.
    let twice = endless("Content-Encoding: gzip, gzip\r\n", Compressed.gzip(bomb), most: 1)
    #expect(twice.failure == .bodyTooLarge && twice.content.count == 16 << 20)
  }

  @Test func compressedBytesWithoutContentHaveALimit() {
    let emptyBlock: [UInt8] = [0, 0, 0, 0xFF, 0xFF]
    let blocks = Array(repeatElement(emptyBlock, count: 200_000).joined())
    let response = endless("Content-Encoding: deflate\r\n", blocks, most: 20)
    #expect(response.failure == .bodyTooLarge && response.isCut && response.content.isEmpty)
  }

  @Test func headersWithoutEndHaveALimit() {
    var response = PageResponse()
    let head = Array("HTTP/1.1 200 OK\r\nX: ".utf8)
    _ = response.take(head.span)
    let piece = Array(Self.piece[..<10_000])
    for _ in 0..<20 where !response.isOver { _ = response.take(piece.span) }
    #expect(response.failure == .headersTooLarge && !response.isCut)
  }

  // MARK: Random bytes

  /// Changes bytes in one of the ways in which a faulty or hostile server differs from the others.
  private func mutate(_ bytes: inout [UInt8], _ cases: [ResponseCase], _ random: inout SeededRandom) {
    let at = Int.random(in: 0...bytes.count, using: &random)
    let end = min(bytes.count, at + Int.random(in: 0...20, using: &random))
    switch Int.random(in: 0..<7, using: &random) {
    case 0 where at < bytes.count: bytes[at] ^= 1 << UInt8.random(in: 0..<8, using: &random)
    case 1: bytes.insert(UInt8.random(in: 0...255, using: &random), at: at)
    case 2: bytes.insert(contentsOf: Array("\r\n:;, 0f".utf8.shuffled(using: &random).prefix(2)), at: at)
    case 3: bytes.removeSubrange(at..<end)
    case 4: bytes.insert(contentsOf: bytes[at..<end], at: at)
    case 5: bytes.removeSubrange(at...)
    default:
      let other = cases.randomElement(using: &random)?.bytes ?? []
      bytes.replaceSubrange(at..., with: other.suffix(Int.random(in: 0...other.count, using: &random)))
    }
  }

  @Test func mutatedResponsesStayWithinBounds() {
    var random = SeededRandom.printed()
    let cases = ResponseCase.all.filter { $0.bytes.count < 2000 }
    for _ in 0..<100_000 {
      guard let first = cases.randomElement(using: &random) else { return }
      var bytes = first.bytes
      for _ in 0..<Int.random(in: 1...4, using: &random) { mutate(&bytes, cases, &random) }
      let whole = response(bytes, closes: true) { .max / 2 }
      let pieces = response(bytes, closes: true) { Int.random(in: 1...60, using: &random) }
      #expect(whole.isOver && pieces.isOver)
      #expect(
        whole.status == pieces.status && whole.content == pieces.content && whole.failure == pieces.failure
          && whole.location == pieces.location && whole.isCut == pieces.isCut,
        "\(String(decoding: bytes, as: UTF8.self).debugDescription)")
      #expect(whole.content.count <= PageResponse.largest)
      #expect(whole.failure != nil || (200..<1000).contains(whole.status))
      #expect(whole.failure == nil || !whole.keepsConnection)
      #expect(!whole.isCut || whole.failure != nil && whole.status >= 200)
    }
  }
}
