import Foundation
import TestSupport
import Testing

extension AllCommandTests {
  /// `ipc bench steps`.
  @Suite(.serialized, .watched) struct StepsCommandTests {
    private struct Document: Decodable {
      struct Step: Decodable {
        struct Interval: Decodable {
          let median, low, high: Double
        }
        let name, what: String
        let nanoseconds: Interval
        let repeats: [Double]
      }
      struct Machine: Decodable {
        let kernel: String
      }
      let machine: Machine
      let seed: Int
      let seconds: Double
      let steps: [Step]
    }

    private static let steps =
      [
        "callback", "generator-send", "generator-make", "coroutine-wait", "async-switch",
        "channel-round-trip",
        "channel-stream", "select", "scheduler-spawn", "scheduler-round-trip", "actor-call",
        "runtime-job", "runtime-round-trip", "runtime-cancellable", "runtime-task", "runtime-task-in-turn",
      ] + mainMechanisms.map { "actor-call-\($0)" } + mainMechanisms.map { "actor-calls-\($0)" }
      + ["actor-call-pool"]

    @Test func everyStepIsMeasured() throws {
      let result = try Tool.run(
        "bench", "steps", "--repeats", "3", "--seconds", "0.01", "--seed", "5", "--json")
      #expect(result.code == 0, "\(result.errors)")
      #expect(result.errors.isEmpty)
      let document = try JSONDecoder().decode(Document.self, from: Data(result.output.utf8))
      #expect(document.steps.map(\.name) == Self.steps)
      #expect(document.seed == 5)
      #expect(document.seconds == 0.01)
      #expect(!document.machine.kernel.isEmpty)
      for step in document.steps {
        #expect(step.repeats.count == 3, "\(step.name)")
        #expect(step.repeats.allSatisfy { $0 > 0 }, "\(step.name)")
        #expect(step.nanoseconds.low <= step.nanoseconds.median, "\(step.name)")
        #expect(step.nanoseconds.median <= step.nanoseconds.high, "\(step.name)")
        #expect(step.nanoseconds.median == step.repeats.sorted()[1], "\(step.name)")
        #expect(!step.what.isEmpty)
      }
    }

    @Test func theHelpListsEveryStep() throws {
      let lines = try Tool.run("bench", "steps", "--help").output.split(separator: "\n")
      for step in Self.steps {
        let line = try #require(lines.first { $0.hasPrefix("  \(step) ") })
        #expect(line.split(separator: " ").count > 3, "\(line)")
      }
    }

    @Test func onlyThoseThatWereNamed() throws {
      let result = try Tool.run(
        "bench", "steps", "--step", "select,callback", "--repeats", "1", "--seconds", "0.01")
      #expect(result.code == 0)
      #expect(result.output.contains("callback"))
      #expect(result.output.contains("select"))
      #expect(!result.output.contains("actor-call"))
    }

    @Test(arguments: ["--step nonsense", "--repeats 0", "--seconds never", "--step callback,", "more"])
    func aWrongCallIsRefused(_ arguments: String) throws {
      let result = try Tool.run(["bench", "steps"] + arguments.split(separator: " ").map(String.init))
      #expect(result.code == 2)
      #expect(result.errorLines.count == 1)
      #expect(result.output.isEmpty)
    }
  }
}
