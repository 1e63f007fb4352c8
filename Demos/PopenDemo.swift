import Glibc
import IPC

/// A pipe to a command (popen(3)): its output as messages, or messages as its input.
///
/// What popen adds: the other process can be any program that reads or writes lines.
enum PopenDemo: Demo {
  static let name = "popen"
  static let summary = "a command's output line by line, and lines as a command's input"

  static func run() throws {
    var lines = try Receiver<String>(at: "popen:echo one; echo two; printf 'the last, without a newline'")
    say("parent", "started sh -c 'echo one; …', with its standard output as a pipe")
    while let line = try lines.next() { say("parent", "its output: \"\(line)\"") }
    say("parent", "end of file: the command has closed its output")
    lines.close()

    var path = try Receiver<String>(at: "popen:command -v sort")
    guard try path.next() != nil else { throw NoCommand(name: "sort(1)") }
    path.close()
    var words = try Sender<String>(to: "popen:sort")
    say("parent", "started sort(1), with its standard input as a pipe; sends cherry, apple, banana")
    for word in ["cherry", "apple", "banana"] { try words.send(word) }
    say("parent", "closes the pipe: sort reads the end of file, and prints to this terminal:")
    fflush(nil)
    try words.close()

    var nothing = try Receiver<String>(at: "popen:exit 3")
    say(
      "parent", "sh -c 'exit 3' prints nothing: next() gives \(try nothing.next() ?? "nil"), the end of file")
  }
}

private struct NoCommand: Error, CustomStringConvertible {
  let name: String
  var description: String { "the shell finds no \(name): add its directory to PATH" }
}
