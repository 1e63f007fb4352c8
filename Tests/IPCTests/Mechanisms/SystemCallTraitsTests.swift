import IPC
import SystemCalls
import TestSupport
import Testing

@testable import ipc_peer

extension AllTests {
  /// The system calls that a mechanism's traits list are those that strace(1) shows, phase by phase: none that isn't
  /// listed, and none listed that isn't made.
  ///
  /// Each mechanism runs in every form that it has, with two ways to wait and with its options, and both in the process
  /// that makes the channel and in one that joins it.
  @Suite(.guarded, .enabled(if: StraceRun.isEnabled, "strace isn't installed, or a sanitizer is in the way"))
  struct SystemCallTraitsTests {
    private static let phases = ["open", "send", "receive", "wait", "close"]

    @Test(arguments: Mechanism.all + Mechanism.variants)
    func areWhatStraceShows(_ mechanism: Mechanism) throws {
      var seen: [String: [String: StraceCall]] = [:]
      for run in Run.all(of: mechanism) {
        Watchdog.at(run)
        let calls = try run.trace()
        for call in calls where Self.waitsForTheWallClock(call) {
          Issue.record("\(run): a wait that ends when the wall clock says so, which can be set: \(call)")
        }
        let phases = run.phases(calls)
        for phase in Self.phases {
          seen[phase, default: [:]].merge(phases.calls[phase] ?? [:]) { first, _ in first }
        }
      }
      let calls = mechanism.traits.systemCalls
      let lists = [calls.open, calls.send, calls.receive, calls.wait, calls.close]
      for (phase, list) in zip(Self.phases, lists) {
        let found = seen[phase] ?? [:]
        for call in found.values.sorted(by: { $0.line < $1.line })
        where !list.contains(StracePhases.listedName(of: call)) {
          Issue.record("\(mechanism): \(phase) makes a call that its traits don't list: \(call)")
        }
        for name in list where found[name] == nil {
          Issue.record("\(mechanism): \(phase) doesn't make \(name), which its traits list")
        }
        #expect(Set(list).count == list.count, "\(mechanism): \(phase) lists a call twice")
      }
    }

    /// Whether a call has an instant of CLOCK_REALTIME as its deadline. One that has passed ends no wait.
    private static func waitsForTheWallClock(_ call: StraceCall) -> Bool {
      let usesWallClock = call.name.hasPrefix("mq_timed") || call.arguments.contains("FUTEX_CLOCK_REALTIME")
      return usesWallClock && call.arguments.contains("tv_sec") && !call.arguments.contains("tv_sec=0,")
    }

    /// One run of the traced program.
    private struct Run: CustomStringConvertible {
      let mechanism: Mechanism
      let isNamed: Bool
      let options: String
      /// Which endpoint the child has.
      let child: String
      /// Which endpoint closes first.
      let first: String

      var description: String {
        "\(mechanism) \(isNamed ? "named" : "anonymous") \(options), child: \(child), closes first: \(first)"
      }

      static func all(of mechanism: Mechanism) -> [Run] {
        var runs: [Run] = []
        for isNamed in [false, true] where isNamed ? mechanism.traits.named : mechanism.traits.anonymous {
          func add(_ options: String, _ child: String, first: String) {
            runs.append(
              Run(mechanism: mechanism, isNamed: isNamed, options: options, child: child, first: first))
          }
          add("wait=block", "receiver", first: "sender")
          add("wait=adaptive", "sender", first: "receiver")
          guard let variant = variants[mechanism.name] else { continue }
          let role = isNamed ? "sender" : "receiver"
          add("wait=block&\(variant)", role, first: role)
        }
        return runs
      }

      /// Options that change which calls a mechanism makes.
      private static let variants = [
        "pipe": "senders=many&capacity=16384", "fifo": "senders=one&capacity=16384",
        "queue": "receivers=one&capacity=16384", "semaphore": "type=tokens", "memory": "capacity=65536",
        "unix": "type=stream&capacity=65536", "tcp": "capacity=65536", "memfd": "capacity=65536",
      ]

      private var files: String { Workspace.directory + "/files" }

      /// Runs it, and returns its calls.
      func trace() throws -> [StraceCall] {
        // Not the registry's directory of the tests, which its user has chosen: one that the library makes and removes.
        let program = [
          "-u", "IPC_RUNTIME_DIRECTORY", "XDG_RUNTIME_DIR=\(files)", Workspace.peer, PhasedRun.role,
          mechanism.name, try target(), options, child, first,
        ]
        let run = try StraceRun("/usr/bin/env", arguments: program)
        try #require(run.exit == .code(0), "\(self)")
        return run.calls
      }

      /// The calls on its channel.
      func phases(_ calls: [StraceCall]) -> StracePhases {
        StracePhases(calls, phases: SystemCallTraitsTests.phases, paths: [files, "/tmp/swift-ipc-"])
      }

      private func target() throws -> String {
        let form = mechanism.traits.addressForm
        if !isNamed { return PhasedRun.noTarget }
        if form.contains("/") { return Workspace.path() }
        return form.contains("port") ? "127.0.0.1:\(try Workspace.port())" : Workspace.name()
      }
    }
  }
}
