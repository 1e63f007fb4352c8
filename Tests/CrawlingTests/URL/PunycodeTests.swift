import Crawling
import Measurement
import TestSupport
import Testing

/// Labels in Punycode, and back.
@Suite(.watched) struct PunycodeTests {
  /// The samples of RFC 3492, section 7.1, in lower case where the RFC shows how Punycode can keep the case of a letter.
  static let samples = [
    ("ليهمابتكلموشعربي؟", "egbpdaj6bu4bxfgehfvwxn"),
    ("他们为什么不说中文", "ihqwcrb4cv8a8dqg056pqjye"),
    ("他們爲什麽不說中文", "ihqwctvzc91f659drss3x8bo0yb"),
    ("Pročprostěnemluvíčesky", "Proprostnemluvesky-uyb24dma41a"),
    ("למההםפשוטלאמדבריםעברית", "4dbcagdahymbxekheh6e0a7fei0b"),
    ("यहलोगहिन्दीक्योंनहींबोलसकतेहैं", "i1baa7eci9glrd9b2ae1bj0hfcgg6iyaf8o0a1dig0cd"),
    ("なぜみんな日本語を話してくれないのか", "n8jok5ay5dzabd5bym9f0cm5685rrjetr6pdxa"),
    (
      "세계의모든사람들이한국어를이해한다면얼마나좋을까",
      "989aomsvi5e83db1d2a355cv1e0vak1dwrv93d5xbh15a0dt30a5jpsd879ccm6fea98c"
    ),
    ("почемужеонинеговорятпорусски", "b1abfaaepdrnnbgefbadotcwatmq2g4l"),
    ("PorquénopuedensimplementehablarenEspañol", "PorqunopuedensimplementehablarenEspaol-fmd56a"),
    ("TạisaohọkhôngthểchỉnóitiếngViệt", "TisaohkhngthchnitingVit-kjcr8268qyxafd2f1b9g"),
    ("3年B組金八先生", "3B-ww4c5e180e575a65lsy2b"),
    ("安室奈美恵-with-SUPER-MONKEYS", "-with-SUPER-MONKEYS-pc58ag80a8qai00g7n9n"),
    ("Hello-Another-Way-それぞれの場所", "Hello-Another-Way--fc4qua05auwb3674vfr0b"),
    ("ひとつ屋根の下2", "2-u9tlzr9756bt3uc0v"),
    ("MajiでKoiする5秒前", "MajiKoi5-783gue6qz075azm5e"),
    ("パフィーdeルンバ", "de-jg4avhby1noc0d"),
    ("そのスピードで", "d9juau41awczczp"),
    ("-> $1.00 <-", "-> $1.00 <--"),
  ]

  private func encoded(_ text: String) -> String? {
    Punycode.encode(Array(text.unicodeScalars)).map { String(decoding: $0, as: UTF8.self) }
  }

  private func decoded(_ text: String) -> [Unicode.Scalar]? { Punycode.decode(Array(text.utf8)) }

  @Test(arguments: samples) func theSamplesOfTheSpecificationComeOut(_ text: String, _ code: String) {
    #expect(encoded(text) == code)
    #expect(decoded(code) == Array(text.unicodeScalars))
  }

  @Test func theCaseOfDigitsDoesNotMatter() {
    #expect(decoded("BCHER-KVA") == Array("BüCHER".unicodeScalars))
    #expect(decoded("EGBPDAJ6BU4BXFGEHFVWXN") == decoded("egbpdaj6bu4bxfgehfvwxn"))
  }

  @Test(arguments: [
    "-", "a-b-!", "é", "a-é", "99999999", "zzzzzzzzzzzz", "a-9999999999", "b", "kva-9", "-kva",
  ])
  func whatIsNoPunycodeIsRefused(_ text: String) { #expect(decoded(text) == nil) }

  @Test func anyLabelComesBack() {
    var random = SeededRandom.printed()
    for _ in 0..<2000 {
      let magnitudes: [UInt32] = [0x80, 0x800, 0xD800, 0x11_0000]
      let label = (0..<Int.random(in: 0...40, using: &random)).compactMap { _ in
        Unicode.Scalar(UInt32.random(in: 0..<magnitudes.randomElement(using: &random)!, using: &random))
      }
      let code = Punycode.encode(label)
      #expect(code.flatMap { Punycode.decode($0) } == label, "\(label)")
    }
  }

  @Test func anyBytesAreALabelOrNone() {
    var random = SeededRandom.printed()
    let digits = Array("abcdefghijklmnopqrstuvwxyz0123456789-".utf8)
    for _ in 0..<5000 {
      let isText = random.chance(2)
      let bytes = random.bytes(0...30).map { isText ? digits[Int($0) % digits.count] : $0 }
      guard let label = Punycode.decode(bytes) else { continue }
      // The way back leads to the same label, if not to the same spelling.
      #expect(Punycode.encode(label).flatMap { Punycode.decode($0) } == label, "\(bytes)")
    }
  }
}
