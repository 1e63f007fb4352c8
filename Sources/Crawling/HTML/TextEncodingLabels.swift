/// The labels by which pages and servers name encodings, as the WHATWG Encoding standard lists them, and iconv's name of
/// each.
enum TextEncodingLabels {
  /// The standard's name, which is a label too; iconv's; further labels. Without iconv's name, this library reads it by itself.
  static let all: [(name: String, system: String, labels: String)] = [
    ("UTF-8", "UTF-8", "unicode-1-1-utf-8 unicode11utf8 unicode20utf8 utf8 x-unicode20utf8"),
    ("IBM866", "IBM866", "866 cp866 csibm866"),
    iso(2, "csisolatin2 iso-ir-101 iso_8859-2:1987 l2 latin2"),
    iso(3, "csisolatin3 iso-ir-109 iso_8859-3:1988 l3 latin3"),
    iso(4, "csisolatin4 iso-ir-110 iso_8859-4:1988 l4 latin4"),
    iso(5, "csisolatincyrillic cyrillic iso-ir-144 iso_8859-5:1988"),
    iso(
      6,
      "arabic asmo-708 csiso88596e csiso88596i csisolatinarabic ecma-114 iso-8859-6-e iso-8859-6-i iso-ir-127 iso_8859-6:1987"
    ),
    iso(7, "csisolatingreek ecma-118 elot_928 greek greek8 iso-ir-126 iso_8859-7:1987 sun_eu_greek"),
    iso(8, "csiso88598e csisolatinhebrew hebrew iso-8859-8-e iso-ir-138 iso_8859-8:1988 visual"),
    ("ISO-8859-8-I", "ISO-8859-8", "csiso88598i logical"),
    iso(10, "csisolatin6 iso-ir-157 l6 latin6"),
    iso(13, ""),
    iso(14, ""),
    iso(15, "csisolatin9 l9"),
    ("ISO-8859-16", "ISO-8859-16", ""),
    ("KOI8-R", "KOI8-R", "cskoi8r koi koi8 koi8_r"),
    ("KOI8-U", "KOI8-U", "koi8-ru"),
    ("macintosh", "MACINTOSH", "csmacintosh mac x-mac-roman"),
    ("windows-874", "CP874", "dos-874 iso-8859-11 iso8859-11 iso885911 tis-620"),
    windows(1250, ""),
    windows(1251, ""),
    windows(
      1252,
      "ansi_x3.4-1968 ascii cp819 csisolatin1 ibm819 iso-8859-1 iso-ir-100 iso8859-1 iso88591 iso_8859-1 iso_8859-1:1987 l1 latin1 us-ascii"
    ),
    windows(1253, ""),
    windows(
      1254,
      "csisolatin5 iso-8859-9 iso-ir-148 iso8859-9 iso88599 iso_8859-9 iso_8859-9:1989 l5 latin5"
    ),
    windows(1255, ""),
    windows(1256, ""),
    windows(1257, ""),
    windows(1258, ""),
    ("x-mac-cyrillic", "MAC-CYRILLIC", "x-mac-ukrainian"),
    (
      "GBK", "GB18030",
      "chinese csgb2312 csiso58gb231280 gb2312 gb_2312 gb_2312-80 iso-ir-58 x-gbk"
    ),
    ("gb18030", "GB18030", ""),
    ("Big5", "BIG5-HKSCS", "big5-hkscs cn-big5 csbig5 x-x-big5"),
    ("EUC-JP", "EUC-JP-MS", "cseucpkdfmtjapanese x-euc-jp"),
    ("ISO-2022-JP", "ISO-2022-JP", "csiso2022jp"),
    ("Shift_JIS", "CP932", "csshiftjis ms932 ms_kanji shift-jis sjis windows-31j x-sjis"),
    (
      "EUC-KR", "CP949",
      "cseuckr csksc56011987 iso-ir-149 korean ks_c_5601-1987 ks_c_5601-1989 ksc5601 ksc_5601 windows-949"
    ),
    ("replacement", "", "csiso2022kr hz-gb-2312 iso-2022-cn iso-2022-cn-ext iso-2022-kr"),
    ("UTF-16BE", "UTF-16BE", "unicodefffe"),
    ("UTF-16LE", "UTF-16LE", "csunicode iso-10646-ucs-2 ucs-2 unicode unicodefeff utf-16"),
    ("x-user-defined", "", ""),
  ]

  private static func iso(_ part: Int, _ labels: String) -> (String, String, String) {
    let name = "ISO-8859-\(part)"
    // Those of part 10 and further have no form with an underscore, except 15.
    let underscored = part < 10 || part == 15 ? " iso_8859-\(part)" : ""
    return (name, name, "iso8859-\(part) iso8859\(part)\(underscored) \(labels)")
  }

  private static func windows(_ page: Int, _ labels: String) -> (String, String, String) {
    ("windows-\(page)", "CP\(page)", "cp\(page) x-cp\(page) \(labels)")
  }
}
