import IPC

// A program of which the tests ask that `await runProgram` works at the top level: with the variables of the top level,
// with endpoints, which can't be copied, and with calls that wait.

struct Refusal: Error, CustomStringConvertible {
  let description = "the work was refused"
}

let work = CommandLine.arguments.dropFirst().first
var received: [String] = []

await runProgram {
  var channel = try Channel<String>(over: .pipe)
  try channel.sender.send("done")
  try channel.sender.close()
  for try await message in channel.receiver.messages { received.append(message) }
  switch work {
  case "channel-error": _ = try Receiver<String>(at: "fifo:/nope/jobs")
  case "other-error": throw Refusal()
  case "late-error":
    print("before", terminator: "")
    throw Refusal()
  case "flood-error":
    for _ in 0..<10_000 { print("a line of some length, many times") }
    throw Refusal()
  default: break
  }
}
print(received.joined())
print("and on")
