import Foundation
import TestSupport
import Testing

/// openssl(1) as an https server on this machine that serves the files of a folder, while this value lives.
final class TLSServer {
  /// Whether there is an openssl.
  static let isPossible = runs("command -v openssl")
  /// Whether a process can be started for which a certificate of ours is one of the system's.
  static let canBeTrusted =
    isPossible && runs("exec unshare --user --map-root-user --mount mount --bind /dev/null \(authorities)")
  /// The certificates of the system, where Debian has them.
  private static let authorities = "/etc/ssl/certs/ca-certificates.crt"

  private let folder: Folder
  private let tool: Tool
  /// Ends with a slash.
  let url: String
  private var certificate: String { folder.path + "/certificate" }

  /// - Parameter files: The pages, by their names.
  convenience init(_ files: [String: String]) throws {
    try self.init(files.mapValues { Array($0.utf8) }, areResponses: false)
  }

  /// - Parameter responses: Whole responses, with their status and headers, by the names of their pages.
  convenience init(responses: [String: [UInt8]]) throws { try self.init(responses, areResponses: true) }

  private init(_ files: [String: [UInt8]], areResponses: Bool) throws {
    folder = try Folder()
    let made = try Tool(
      [
        "-c",
        """
        cd "$0" && mkdir site && exec openssl req -x509 -nodes -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 \
        -keyout key -out certificate -days 1 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1
        """, folder.path,
      ], program: "/bin/sh"
    ).wait()
    try #require(made.code == 0, "\(made.errors)")
    for (name, bytes) in files {
      try Data(bytes).write(to: URL(fileURLWithPath: "\(folder.path)/site/\(name)"))
    }
    let tool = try Tool(
      [
        "-c",
        "cd \"$0/site\" && exec openssl s_server \(areResponses ? "-HTTP" : "-WWW") -accept 127.0.0.1:0 -key ../key -cert ../certificate",
        folder.path,
      ], program: "/bin/sh")
    self.tool = tool
    let accept = "ACCEPT 127.0.0.1:"
    let serves = eventually { tool.output.contains(accept) && tool.output.hasSuffix("\n") || !tool.isRunning }
    try #require(serves && tool.isRunning, "openssl doesn't serve: \(tool.errors)")
    let line = try #require(tool.output.split(separator: "\n").first { $0.hasPrefix(accept) })
    url = "https://127.0.0.1:\(line.dropFirst(accept.count))/"
  }

  /// The tool in a mount namespace of its own (unshare(1)), where the system trusts this server's certificate alone.
  func trustingTool(_ arguments: [String]) throws -> Tool {
    let script = "mount --bind \"$0\" \(Self.authorities) && exec \"$@\""
    return try Tool(
      [
        "-c", "exec unshare --user --map-root-user --mount sh -c '\(script)' \"$@\"", "sh", certificate,
        Tool.path,
      ] + arguments, program: "/bin/sh")
  }

  private static func runs(_ command: String) -> Bool {
    (try? Tool(["-c", command], program: "/bin/sh").wait())?.code == 0
  }
}
