import TestSupport
import Testing

@testable import Crawling

/// Which references of a page are links, as a browser reads its markup.
@Suite(.watched) struct HTMLMarkupTests {
  struct Case: CustomTestStringConvertible, Sendable {
    let html: String
    /// The links, without the `http://host/dir/` that most begin with.
    let links: [String]
    var title = ""

    init(_ html: String, _ links: [String], title: String = "") {
      self.html = html
      self.links = links
      self.title = title
    }

    var testDescription: String { html }
  }

  static let cases: [Case] = [
    // What is text.
    Case("<title><a href=no></title><a href=yes>", ["yes"], title: "<a href=no>"),
    Case("<title>a <!-- b</title><a href=yes>", ["yes"], title: "a <!-- b"),
    Case("<title>a &lt;b&gt; &amp; &eacute; &#x41;&#66;</title>", [], title: "a <b> & é AB"),
    Case("<TITLE>x</Title ><a href=yes>", ["yes"], title: "x"),
    Case("<title>x</titles></title><a href=yes>", ["yes"], title: "x</titles>"),
    Case("<title lang=en\n>x</title><title>y</title>", [], title: "x"),
    Case("<title>never ends <a href=no>", [], title: "never ends <a href=no>"),
    Case("<title></title><title>second</title>", [], title: "second"),
    Case("<textarea><a href=no></textarea><a href=yes>", ["yes"]),
    Case("<textarea><!-- </textarea><a href=yes>", ["yes"]),
    Case("<textarea><a title='</textarea><a href=yes>", ["yes"]),
    Case("<style><a href=no></style><a href=yes>", ["yes"]),
    Case("<xmp><a href=no></xmp><a href=yes>", ["yes"]),
    Case("<noembed><a href=no></noembed><a href=yes>", ["yes"]),
    Case("<noframes><a href=no></noframes><a href=yes>", ["yes"]),
    Case("<iframe src=frame><a href=no></iframe><a href=yes>", ["frame", "yes"]),
    Case("<noscript><a href=yes></noscript>", ["yes"]),
    Case("<a href=yes><plaintext><a href=no></plaintext><a href=no>", ["yes"]),
    // Scripts.
    Case("<script>document.write('<a href=no>')</script><a href=yes>", ["yes"]),
    Case("<script>'</b>'; '<a href=no>'</script><a href=yes>", ["yes"]),
    Case("<script>'</scripts><a href=no>'</script><a href=yes>", ["yes"]),
    Case("<script><!-- '</script><a href=yes>", ["yes"]),
    Case("<script><!-- <script> </script><a href=no> --></script><a href=yes>", ["yes"]),
    Case("<script><!-- <script> --> </script><a href=yes>", ["yes"]),
    Case("<script><!--> <script> </script><a href=yes>", ["yes"]),
    Case("<script src=x /><a href=no></script><a href=yes>", ["yes"]),
    Case("<SCRIPT type=text/javascript>'<a href=no>'</SCRIPT\n><a href=yes>", ["yes"]),
    // Comments and other declarations.
    Case("<!-- <a href=no> --><a href=yes>", ["yes"]),
    Case("<!-- <a href=no> --!><a href=yes>", ["yes"]),
    Case("<!-- > <a href=no> -- > <a href=no> --><a href=yes>", ["yes"]),
    Case("<!--><a href=yes>", ["yes"]),
    Case("<!---><a href=yes>", ["yes"]),
    Case("<!-- never ends <a href=no>", []),
    Case("<!DOCTYPE html><a href=yes>", ["yes"]),
    Case(
      "<!doctype html PUBLIC \"-//W3C//DTD HTML 4.01//EN\" \"http://www.w3.org/TR/html4/strict.dtd\"><a href=yes>",
      ["yes"]),
    Case("<![CDATA[<a href=yes>]]>", []),
    Case("<?php echo '?><a href=yes>", ["yes"]),
    Case("<?xml version='1.0'?><html xmlns='http://www.w3.org/1999/xhtml'><a href=yes>", ["yes"]),
    // Tags.
    Case("<A HREF=yes>", ["yes"]),
    Case("<a href = 'yes'>", ["yes"]),
    Case("<a\nhref\n=\nyes\n>", ["yes"]),
    Case("<a title='>' href=yes>", ["yes"]),
    Case("<a href=one href=two>", ["one"]),
    Case("<a href=yes/>", ["yes/"]),
    Case("<a href='yes'/>", ["yes"]),
    Case("<a name=x>", []),
    Case("<b href=no>", []),
    Case("<abbr href=no><article href=no>", []),
    Case("< a href=no>", []),
    Case("</a href=no>", []),
    Case("<a href=yes", []),
    Case("<a href='never ends><a href=no>", []),
    Case("<p>a < b <a href=yes>", ["yes"]),
    Case("<p>a <3 <a href=yes>", ["yes"]),
    Case("<p>&nosuch; & &; &#; <a href=yes>", ["yes"]),
    Case("<a href='a&amp;b&eacute;&#x26;c'>", ["a&b%C3%A9&c"]),
    Case("<a href='?a=1&copy=2'>", ["page?a=1&copy=2"]),
    Case("<area href=area><map><area href=map>", ["area", "map"]),
    Case(
      "<link rel=next href=yes><link rel='stylesheet' href=no><link rel='Alternate NEXT' href=too>",
      ["yes", "too"]),
    Case("<link rel='x\tprev' href=yes><link href=no>", ["yes"]),
    Case("<frameset><frame src=one><frame src=two></frameset>", ["one", "two"]),
    Case("<svg><a href=yes></a><title>t</title></svg><a href=too>", ["yes", "too"], title: "t"),
    Case("<svg><title/></svg><a href=yes>", ["yes"]),
    Case("<form action=no><button formaction=no><img src=no><a href=yes>", ["yes"]),
    Case("<table><a href=1><tr><a href=2><td><a href=3></table>", ["1", "2", "3"]),
    Case("<select><option><a href=yes></select>", ["yes"]),
    Case("</html><a href=yes>", ["yes"]),
    Case("<head></head><body></body><body><a href=yes>", ["yes"]),
    Case("<html><html><head><head><a href=yes>", ["yes"]),
    Case("<a href='one''>1</a><a href='two'>2</a>", ["one", "two"]),
    Case("<a href=one title=don't>1</a><a href=two>", ["one", "two"]),
    Case("<p class=\"a\"\"><a href=one>1</a><a href=\"two\">", ["one", "two"]),
    Case("<p title=it's>x</p><a href=/last>", ["http://host/last"]),
    Case("<a title=\"x\"/href=yes><a/href=too>", ["yes", "too"]),
    Case("<a =href=no href=yes>", ["yes"]),
    Case("<a href = ><a href=yes>", ["yes"]),
    Case("<a href=\"x'y\" title='\"'>", ["x'y"]),
    Case("</p title='><a href=no>'><a href=yes>", ["yes"]),
    Case("<a@b href=no><a:b href=no>", []),
    // Elements that close themselves in SVG.
    Case("<svg><title/></svg><a href=yes><svg><title>t</title></svg>", ["yes"], title: "t"),
    Case("<svg><style/><script/></svg><a href=yes><style></style>", ["yes"]),
    Case("<svg/><title/><a href=no></title><a href=yes>", ["yes"], title: "<a href=no>"),
    Case("<svg><![CDATA[ > <a href=no> ]]></svg><a href=yes>", ["yes"]),
    Case("<![CDATA[ > <a href=yes> ]]>", ["yes"]),
    // What looks like a declaration in an attribute or a title.
    Case(
      "<a href='?<!a'><a href='?<?=1'><a href='?<!-->'>", ["page?%3C!a", "page?%3C?=1", "page?%3C!--%3E"]),
    Case("<title>x <!b</title>", [], title: "x <!b"),
    // References.
    Case("<a href='a\tb\nc\r\nd'>", ["abcd"]),
    Case("<a href='  yes  '>", ["yes"]),
    Case("<a href='\u{C}yes\u{1}'>", ["yes"]),
    Case("<a href='a b'>", ["a%20b"]),
    Case("<a href='#x'><a href=''><a href='page#x'><a href='page'>", ["page"]),
    Case("<a href='x#1'><a href='x#2'><a href='./x'><a href='y/../x'><a href=x>", ["x"]),
    Case("<a href='%zz'><a href='%41'>", ["%zz", "%41"]),
    Case("<a href='x?'>", ["x?"]),
    Case(
      "<a href='\\root'><a href='http:rel'><a href='HTTP://HOST:80/dir/X'>", ["http://host/root", "rel", "X"]),
    Case("<a href='//host/dir/a/../b'><a href='http://host/dir/%2e%2E/c'>", ["b", "http://host/c"]),
    // The base.
    Case("<base href='sub/'><a href=yes>", ["sub/yes"]),
    Case("<a href=yes><base href=' sub/ '>", ["sub/yes"]),
    Case("<base href='one/'><base href='two/'><a href=yes>", ["one/yes"]),
    Case("<base><base href='mailto:x'><base href='http://'><base href='two/'><a href=yes>", ["two/yes"]),
    Case("<base href='javascript:x'><a href=yes>", ["yes"]),
    Case(
      "<base href='https://other/x/'><a href=yes><a href=/z>", ["https://other/x/yes", "https://other/z"]),
    Case("<base href='other'><a href='#x'>", ["other"]),
    Case("<base target=_top href='a\nb/'><a href=yes>", ["ab/yes"]),
    // Pages that load another one.
    Case("<meta http-equiv=refresh content='5; url=yes'>", ["yes"]),
    Case("<META HTTP-EQUIV='Refresh' CONTENT='0;URL=yes'>", ["yes"]),
    Case("<meta http-equiv=refresh content='0;yes'>", ["yes"]),
    Case("<meta http-equiv=refresh content='0,yes'>", ["yes"]),
    Case("<meta http-equiv=refresh content='0 yes'>", ["yes"]),
    Case("<meta http-equiv=refresh content='.5;url = \"yes\"'>", ["yes"]),
    Case("<meta http-equiv=refresh content=\"0;url='yes'no\">", ["yes"]),
    Case("<meta http-equiv=refresh content='0;urls'>", ["urls"]),
    Case("<meta http-equiv=refresh content='5'>", []),
    Case("<meta http-equiv=refresh content='5;'>", []),
    Case("<meta http-equiv=refresh content='url=no'>", []),
    Case("<meta http-equiv=refresh content='-1;url=no'>", []),
    Case("<meta http-equiv=refresh content='5x;url=no'>", []),
    Case("<meta http-equiv=refresh>", []),
    Case("<meta name=refresh content='0;url=no'>", []),
    Case("<noscript><meta http-equiv=refresh content='0;url=yes'></noscript>", ["yes"]),
  ]

  @Test(arguments: cases) func linksAreThoseOfABrowser(_ sample: Case) throws {
    let url = try #require(PageURL("http://host/dir/page"))
    let page = HTMLPage(Array(sample.html.utf8), at: url, charset: "utf-8")
    #expect(page.links == sample.links.map { $0.contains("://") ? $0 : "http://host/dir/" + $0 })
    #expect(page.title == sample.title)
  }

  @Test func elementsOfXHTMLCloseThemselves() throws {
    let url = try #require(PageURL("http://host/dir/page"))
    let html = Array("<title/><script src='x'/><a href='yes'/><script>'<a href=no>'</script>".utf8)
    #expect(HTMLPage(html, at: url, isXML: true).links == ["http://host/dir/yes"])
    // In HTML the script goes on to its end tag.
    #expect(HTMLPage(html, at: url).links == [])
  }
}
