/// The responses of the site: its pages, and pages that misbehave.
struct SiteResponder {
  struct Response {
    var status = "200 OK"
    var headers: [String] = []
    var body: [UInt8] = []
    var delayMilliseconds = 0
    /// The length that the headers claim, if it is false.
    var claimedLength: Int?
    /// Closes the connection after the response.
    var closes = false
    /// Closes the connection without a response.
    var hangsUp = false
    /// Repeats the body without end.
    var isEndless = false

    init(html: String, status: String = "200 OK") {
      self.status = status
      body = Array(html.utf8)
      headers = ["Content-Type: text/html; charset=utf-8"]
    }
  }

  let plan: SitePlan
  let delayMilliseconds: Int

  func respond(to target: Substring) -> Response {
    let path = target.prefix { $0 != "?" && $0 != "#" }
    if let page = plan.page(path) {
      var response = Response(html: plan.html(page))
      response.delayMilliseconds = delayMilliseconds
      return response
    }
    return misbehave(path.split(separator: "/").map(String.init))
  }

  private func misbehave(_ parts: [String]) -> Response {
    let number = parts.count > 1 ? Int(parts[1]) : nil
    switch (parts.first, number) {
    case ("trouble", nil):
      let links = [
        "/status/500", "/status/404", "/redirect/3", "/redirect-loop", "/broken", "/long-length",
        "/short-length",
        "/endless", "/slow/1500", "/hang-up", "/text", "/away",
      ]
      return Response(
        html: "<title>Trouble</title>" + links.map { "<a href=\"\($0)\">\($0)</a>\n" }.joined())
    case ("status", let code?) where (400...599).contains(code):
      return Response(html: "<title>\(code)</title>this page always fails", status: "\(code) As Asked")
    case ("redirect", let hops?) where (0...100).contains(hops):
      return redirect(to: hops == 0 ? "/" : "/redirect/\(hops - 1)")
    case ("redirect-loop", nil): return redirect(to: "/redirect-loop")
    case ("away", nil): return redirect(to: "http://localhost:9/")
    case ("broken", nil):
      return Response(
        html:
          "<html><title>Br&oken</title><a href=/page/1>one<a href='/page/2'>two<table><a\nhref = \"/page/3\" <p></b>"
      )
    case ("long-length", nil):
      var response = Response(html: "<title>Longer than it is</title>")
      response.claimedLength = response.body.count + 1000
      response.closes = true
      return response
    case ("short-length", nil):
      var response = Response(html: "<title>Short</title><p>and then some more bytes than it claimed</p>")
      response.claimedLength = 20
      response.closes = true
      return response
    case ("endless", nil):
      var response = Response(html: String(repeating: "<p>and on and on</p>\n", count: 1000))
      response.isEndless = true
      response.closes = true
      return response
    case ("slow", let milliseconds?) where (0...600_000).contains(milliseconds):
      var response = Response(html: "<title>Slow</title>")
      response.delayMilliseconds = milliseconds
      return response
    case ("hang-up", nil):
      var response = Response(html: "")
      response.hangsUp = true
      return response
    case ("text", nil):
      var response = Response(html: "no page: <a href=\"/page/1\">not a link</a>")
      response.headers = ["Content-Type: text/plain"]
      return response
    default:
      return Response(html: "<title>Not found</title>no such page", status: "404 Not Found")
    }
  }

  private func redirect(to target: String) -> Response {
    var response = Response(html: "", status: "302 Found")
    response.headers.append("Location: \(target)")
    return response
  }
}
