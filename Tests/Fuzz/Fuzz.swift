import Crawling
import Glibc

// What libFuzzer calls (make fuzz): one of the readers of what servers send, with bytes that it makes up. It looks for
// traps and endless work; the checks here trap, too.

/// A reader of bytes from servers.
private enum Reader: String, CaseIterable {
  case answers, pages, addresses

  static let chosen: Reader = {
    let name = unsafe getenv("IPC_FUZZ_READER").map { unsafe String(cString: $0) } ?? ""
    guard let reader = Reader(rawValue: name) else {
      fatalError("IPC_FUZZ_READER=\(name): choose one of \(allCases.map(\.rawValue).joined(separator: ", "))")
    }
    return reader
  }()

  func read(_ bytes: [UInt8]) {
    switch self {
    case .answers: Self.readAnswer(bytes)
    case .pages: Self.readPage(bytes)
    case .addresses: Self.readAddress(bytes)
    }
  }

  /// The first byte says into how long pieces the others are cut: the result doesn't depend on it.
  private static func readAnswer(_ bytes: [UInt8]) {
    guard let length = bytes.first else { return }
    let rest = Array(bytes.dropFirst())
    let whole = answer(rest, piece: rest.count)
    let pieces = answer(rest, piece: Int(length) + 1)
    precondition(whole.status == pieces.status && whole.content == pieces.content)
    precondition(whole.failure?.description == pieces.failure?.description && whole.isCut == pieces.isCut)
    precondition(whole.content.count <= 17 << 20)
  }

  private static func answer(_ bytes: [UInt8], piece: Int) -> PageResponse {
    var answer = PageResponse()
    var start = 0
    while start < bytes.count {
      let end = min(start + piece, bytes.count)
      if answer.take(bytes.span.extracting(start..<end)) { return answer }
      start = end
    }
    answer.end()
    return answer
  }

  private static let base = PageURL("http://host/dir/page?query")!
  private static let charsets = [
    nil, "utf-8", "utf-16", "shift_jis", "iso-2022-jp", "gb18030", "big5", "windows-1252",
  ]

  /// The first byte chooses the encoding.
  private static func readPage(_ bytes: [UInt8]) {
    guard let first = bytes.first else { return }
    let page = HTMLPage(
      Array(bytes.dropFirst()), at: base, charset: charsets[Int(first & 7)], isXML: first & 8 != 0)
    precondition(page.links.count <= HTMLPage.mostLinks)
    for link in page.links { checkNormalForm(link) }
  }

  private static func readAddress(_ bytes: [UInt8]) {
    let text = String(decoding: bytes, as: UTF8.self)
    if let url = PageURL(text) { checkNormalForm(url.text) }
    if let url = PageURL(text, base: base) { checkNormalForm(url.text) }
  }

  /// What has been read is in a form that reads as itself, in ASCII.
  private static func checkNormalForm(_ text: String) {
    precondition(PageURL(text)?.text == text)
    precondition(text.utf8.allSatisfy { (0x21...0x7E).contains($0) })
  }
}

/// Reads bytes that libFuzzer has made up.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  unsafe Reader.chosen.read(Array(UnsafeBufferPointer(start: start, count: count)))
  return 0
}
