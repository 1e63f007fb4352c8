import Foundation
import Glibc
import SystemCalls
import TestSupport
import Testing

extension AllCommandTests {
  /// `ipc bench select`.
  @Suite(.serialized, .watched) struct SelectCommandTests {
    private struct Document: Decodable {
      struct Line: Decodable {
        let mechanism: String
        let received, lost, doubled: Int
        let share: Double
      }
      struct Timer: Decodable {
        let every, rang, received: Int
        let lateP50, lateP99, lateMax: Double

        enum CodingKeys: String, CodingKey {
          case rang, received
          case every = "every_us"
          case lateP50 = "late_p50_us"
          case lateP99 = "late_p99_us"
          case lateMax = "late_max_us"
        }
      }
      struct Machine: Decodable {
        let kernel: String
      }
      let machine: Machine
      let seconds: Double
      let channels: [Line]
      let timer: Timer

      init(_ text: String) throws { self = try JSONDecoder().decode(Document.self, from: Data(text.utf8)) }
    }

    private static let seven = ["pipe", "fifo", "queue", "semaphore", "memory", "unix", "tcp"]

    /// It has processes that send, and is in its middle.
    private func middle(_ mechanisms: String, _ count: Int) throws -> (
      tool: Tool, senders: [Int32], made: Set<String>
    ) {
      let before = SystemSnapshot.systemVObjects()
      let tool = try Tool(["bench", "select", "--seconds", "50", "--json", "--mechanism", mechanisms])
      var senders: [Int32] = []
      let hasBegun = eventually {
        senders = ProcessTable.children(of: tool.id, with: "--bench-select")
        return senders.count == count || !tool.isRunning
      }
      try #require(hasBegun && tool.isRunning, "it doesn't begin: \(tool.errors)")
      return (tool, senders, SystemSnapshot.systemVObjects().subtracting(before))
    }

    @Test func theDocumentSaysHowFairItWas() throws {
      let before = SystemSnapshot.systemVObjects()
      let result = try Tool.run("bench", "select", "--seconds", "0.5", "--json")
      #expect(result.code == 0, "\(result.errors)")
      #expect(result.errors.isEmpty)
      let document = try Document(result.output)
      #expect(!document.machine.kernel.isEmpty)
      #expect(document.seconds >= 0.5)
      #expect(document.channels.map(\.mechanism) == Self.seven)
      let mean = Double(document.channels.map(\.received).reduce(0, +)) / 7
      for line in document.channels {
        #expect(line.received > 0, "\(line.mechanism)")
        #expect(line.lost == 0 && line.doubled == 0, "\(line.mechanism)")
        #expect(line.share >= 0.5, "\(line.mechanism)")
        #expect(abs(line.share - Double(line.received) / mean) < 0.001, "\(line.mechanism)")
      }
      let timer = document.timer
      #expect(timer.every == 1000)
      #expect(timer.rang > 0 && timer.rang == timer.received)
      #expect(timer.lateP50 <= timer.lateP99 && timer.lateP99 <= timer.lateMax)
      #expect(eventually { SystemSnapshot.systemVObjects().subtracting(before).isEmpty })
    }

    @Test func onlyThoseThatWereNamed() throws {
      let result = try Tool.run("bench", "select", "--seconds", "0.2", "--mechanism", "memory,pipe")
      #expect(result.code == 0, "\(result.errors)")
      let rows = result.output.split(separator: "\n").map { $0.split(separator: " ").first.map(String.init) }
      #expect(rows.contains("memory") && rows.contains("pipe"))
      #expect(!rows.contains("queue") && !rows.contains("tcp"))
      #expect(result.output.contains("Fair"))
    }

    @Test(arguments: [
      "--mechanism nonsense", "--mechanism eventfd", "--mechanism signal", "--mechanism pipe,", "--mechanism",
      "--seconds never", "--seconds", "--seconds -1", "--seconds 0", "more",
    ])
    func aWrongCallIsRefused(_ arguments: String) throws {
      let result = try Tool.run(["bench", "select"] + arguments.split(separator: " ").map(String.init))
      #expect(result.code == 2)
      #expect(result.errorLines.count == 1, "\(result.errors)")
      #expect(result.output.isEmpty)
    }

    @Test func ctrlCEndsIt() throws {
      let (tool, senders, made) = try middle(Self.seven.joined(separator: ","), 7)
      tool.signal(SIGINT)
      let result = tool.wait()
      #expect(result.code == 130)
      #expect(result.errors.isEmpty, "\(result.errors)")
      #expect(eventually { !senders.contains(where: ProcessTable.isAlive) })
      #expect(eventually { made.isDisjoint(with: SystemSnapshot.systemVObjects()) })
    }

    /// The processes that it started learn of its death from the channels, and end; the channels' objects
    /// are removed too.
    @Test func nothingOutlivesAKilledOne() throws {
      let (tool, senders, made) = try middle("memory,queue,semaphore,pipe", 4)
      tool.signal(SIGKILL)
      #expect(tool.wait().code == nil)
      #expect(eventually { !senders.contains(where: ProcessTable.isAlive) })
      #expect(eventually { made.isDisjoint(with: SystemSnapshot.systemVObjects()) })
    }

    /// The death of a sender is reported, and the others end.
    @Test func aSenderThatDiesIsTheEnd() throws {
      let (tool, senders, made) = try middle("memory,queue,pipe", 3)
      kill(senders[0], SIGKILL)
      let result = tool.wait()
      #expect(result.code == 1)
      #expect(result.errorLines.count == 1, "\(result.errors)")
      #expect(eventually { !senders.contains(where: ProcessTable.isAlive) })
      #expect(eventually { made.isDisjoint(with: SystemSnapshot.systemVObjects()) })
    }
  }
}
