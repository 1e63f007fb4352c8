import SystemCalls

/// The program of the workers that fetch `https` pages too. It is a program of its own because the libraries that TLS needs
/// would more than double the time in which `ipc` starts.
enum HTTPSWorker {
  private static let name = "ipc-https-worker"
  /// The argument with which it doesn't check certificates.
  static let insecureArgument = "--insecure"

  /// Its path, beside this program.
  /// - Throws: if it isn't there.
  static func path(for url: String) throws -> String {
    let tool = Processes.executable
    let path = tool[...(tool.lastIndex(of: "/") ?? tool.startIndex)] + name
    guard Files.isExecutable(String(path)) else {
      throw Failure.work(
        "\(url) needs the program \(path), which isn't there: install it beside ipc, as make install does, or build it with swift build --product \(name)"
      )
    }
    return String(path)
  }
}
