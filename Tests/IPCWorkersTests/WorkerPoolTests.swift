import Glibc
import IPC
import Synchronization
import SystemCalls
import TestSupport
import TestWorkers
import Testing

@testable import IPCWorkers

extension AllIPCWorkersTests {
  /// A pool in this process, with `ipc-peer` as its workers' program.
  @Suite(.guarded) struct WorkerPoolTests {
    typealias Pool = WorkerPool<TestJob, Int>
    static let mechanisms: [Mechanism] = [.pipe, .queue, .memory, .tcp]

    private func options(_ workers: Int, _ mechanism: Mechanism = .memory) -> WorkerPoolOptions {
      var options = WorkerPoolOptions(workers: workers, over: mechanism)
      options.executable = Workspace.peer
      options.arguments = [TestWorker.role]
      return options
    }

    /// A server that takes connections and never answers: a worker that connects to it is in the middle of its job.
    private final class SilentServer: Sendable {
      private final class Held: Sendable {
        let socket: Descriptor
        init(_ socket: consuming Descriptor) { self.socket = socket }
      }

      private let listener: Descriptor
      private let held = Locked<[Held]>([])
      let port: UInt16

      init() throws {
        let any = try Internet.getaddrinfo(host: "127.0.0.1", port: 0, passive: true)[0]
        let listener = try Internet.socket(any)
        try Internet.bind(listener, any)
        try Sockets.listen(listener)
        try listener.setNonblocking(true)
        port = UInt16(try Internet.getsockname(listener).port)
        self.listener = listener
      }

      /// Whether a client has come that wasn't accepted.
      var hasClient: Bool { (try? ppoll(listener.raw, read: true, nanoseconds: 0)) ?? false }

      /// Ends the connections: the jobs go on.
      func release() { held.withLock { $0 = [] } }

      /// Waits for the next client.
      func accept() -> Bool {
        comesTrue {
          guard let socket = try? Sockets.accept(listener) else { return false }
          let client = Held(socket)
          held.withLock { $0.append(client) }
          return true
        }
      }
    }

    /// Outcomes, gathered on the pool's threads.
    private final class Gathered: Sendable {
      private let list = Locked<[JobOutcome<TestJob, Int>]>([])
      func add(_ outcome: JobOutcome<TestJob, Int>) { list.withLock { $0.append(outcome) } }
      var all: [JobOutcome<TestJob, Int>] { list.withLock { $0 } }
    }

    private func isAlive(_ process: Int32) -> Bool { kill(process, 0) == 0 }

    private static let nothing = TestJob()

    @Test(arguments: mechanisms) func everyJobHasOneOutcome(_ mechanism: Mechanism) throws {
      let pool = try Pool(options(2, mechanism))
      #expect(pool.workerProcesses.count == 2)
      let gathered = Gathered()
      pool.process((0..<500).map { TestJob(number: $0) }) { outcome in
        gathered.add(outcome)
        return []
      }
      #expect(Set(gathered.all.map(\.job.number)) == Set(0..<500))
      #expect(gathered.all.count == 500)
      #expect(gathered.all.allSatisfy { (try? $0.result.get()) == $0.job.number && $0.attempts == 1 })
      let workers = pool.workerProcesses.values
      pool.close()
      #expect(comesTrue { !workers.contains(where: isAlive) })
      #expect(pool.statistics.requeued == 0)
      #expect(pool.statistics.workersDied == 0)
      #expect(pool.statistics.workersStarted == 2)
    }

    @Test func jobsLeadToJobs() throws {
      let pool = try Pool(options(2))
      let gathered = Gathered()
      pool.process([TestJob()]) { outcome in
        gathered.add(outcome)
        guard outcome.job.number < 8 else { return [] }
        return ["left", "right"].map { TestJob(number: outcome.job.number + 1, payload: $0) }
      }
      #expect(gathered.all.count == 511)
    }

    @Test func noJobsAreDoneAtOnce() throws {
      let pool = try Pool(options(1))
      pool.process([]) { _ in [] }
    }

    @Test func oneAtATime() async throws {
      let pool = try Pool(options(2, .pipe))
      #expect(try await pool.run(Self.nothing) == 0)
      let counts = try await withThrowingTaskGroup(of: Int.self) { group in
        for _ in 0..<50 { group.addTask { try await pool.run(Self.nothing) } }
        return try await group.reduce(0) { count, _ in count + 1 }
      }
      #expect(counts == 50)
      pool.close()
      await #expect(throws: JobFailure.cancelled) { try await pool.run(Self.nothing) }
    }

    @Test(arguments: mechanisms) func aJobThatKillsItsWorkersFails(_ mechanism: Mechanism) throws {
      let server = try SilentServer()
      let pool = try Pool(options(1, mechanism))
      let seen = Killed()
      try Threads.start(name: "killer") {
        for _ in 0..<3 where server.accept() {
          for process in pool.workerProcesses.values {
            _ = seen.processes.withLock { $0.insert(process) }
            Processes.kill(process, SIGKILL)
          }
        }
      }
      let gathered = Gathered()
      var jobs = Array(repeating: Self.nothing, count: 100)
      jobs.insert(TestJob(port: server.port), at: 50)
      pool.process(jobs) { outcome in
        gathered.add(outcome)
        return []
      }
      #expect(gathered.all.count == 101)
      let deadly = gathered.all.filter { $0.job.port > 0 }
      #expect(deadly.map(\.result) == [.failure(.killedItsWorkers(3))])
      #expect(deadly.map(\.attempts) == [3])
      let others = gathered.all.filter { $0.job.port == 0 }
      #expect(others.allSatisfy { (try? $0.result.get()) == 0 })
      #expect(seen.processes.withLock { $0.count } == 3)
      pool.close()
      #expect(pool.statistics.workersDied == 3)
      // A fourth only if jobs were left.
      #expect((3...4).contains(pool.statistics.workersStarted))
      #expect(pool.statistics.requeued >= 2)
    }

    @Test("workers that die without a job are replaced at once", arguments: mechanisms)
    func idleWorkersThatDie(_ mechanism: Mechanism) async throws {
      let pool = try Pool(options(3, mechanism))
      for round in 0..<3 {
        let dead = Set(pool.workerProcesses.values)
        for process in dead { Processes.kill(process, SIGKILL) }
        #expect(
          comesTrue {
            let alive = pool.workerProcesses.values
            return alive.count == 3 && dead.isDisjoint(with: alive)
          })
        #expect(try await pool.run(TestJob(number: round)) == round)
      }
      pool.close()
      #expect(pool.statistics.workersDied == 9 && pool.statistics.requeued == 0)
    }

    @Test("a job that no worker has begun has lost no try", arguments: mechanisms)
    func aJobAfterEveryWorkerDied(_ mechanism: Mechanism) throws {
      var options = options(3, mechanism)
      options.attempts = 1
      let pool = try Pool(options)
      for round in 0..<20 {
        for process in pool.workerProcesses.values { Processes.kill(process, SIGKILL) }
        let gathered = Gathered()
        pool.process([TestJob(number: round)]) { outcome in
          gathered.add(outcome)
          return []
        }
        let outcome = try #require(gathered.all.first)
        #expect(try outcome.result.get() == round && outcome.attempts == 1)
        // Until all are replaced: one that dies before it is ready isn't among those that are killed.
        #expect(comesTrue { pool.workerProcesses.count == 3 })
      }
    }

    @Test("only the job that was begun is lost with its worker", arguments: mechanisms)
    func jobsBehindOneThatWasBegun(_ mechanism: Mechanism) throws {
      let server = try SilentServer()
      var options = options(1, mechanism)
      options.attempts = 1
      let pool = try Pool(options)
      // Short jobs: the worker gets many at a time from then on.
      pool.process((0..<2000).map { TestJob(number: $0) }) { _ in [] }
      try Threads.start(name: "killer") {
        if server.accept() { for process in pool.workerProcesses.values { Processes.kill(process, SIGKILL) } }
      }
      let gathered = Gathered()
      pool.process([TestJob(port: server.port)] + (1...20).map { TestJob(number: $0) }) { outcome in
        gathered.add(outcome)
        return []
      }
      #expect(gathered.all.count == 21)
      for outcome in gathered.all {
        if outcome.job.port > 0 {
          #expect(outcome.result == .failure(.killedItsWorkers(1)))
        } else {
          #expect(outcome.result == .success(outcome.job.number) && outcome.attempts == 1)
        }
      }
      pool.close()
      #expect(pool.statistics.workersDied == 1 && pool.statistics.requeued == 0)
    }

    private final class Killed: Sendable {
      let processes = Locked<Set<Int32>>([])
    }

    @Test func aJobThatFailsHasADescription() async throws {
      let pool = try Pool(options(1))
      for _ in 0..<3 {
        let failure = await #expect(throws: JobFailure.self) { try await pool.run(TestJob(number: -1)) }
        guard case .failed(let words) = failure else {
          Issue.record("\(String(describing: failure))")
          continue
        }
        #expect(!words.isEmpty)
        #expect(failure?.description == words)
      }
      pool.close()
      // It was the job that failed, and not its worker.
      #expect(pool.statistics.workersDied == 0)
    }

    @Test func aJobTooLargeFailsByItself() async throws {
      var options = options(1)
      options.channel.maximumMessageBytes = 4096
      let pool = try Pool(options)
      let failure = await #expect(throws: JobFailure.self) {
        try await pool.run(TestJob(payload: String(repeating: "x", count: 10_000)))
      }
      if case .failed(let words) = failure { #expect(!words.isEmpty) } else { Issue.record("no words") }
      #expect(try await pool.run(Self.nothing) == 0)
    }

    @Test(arguments: ["/nonexistent", "/", "/bin/true", "/bin/false"], mechanisms)
    func aProgramThatNeverServesIsAnError(_ program: String, _ mechanism: Mechanism) {
      var options = WorkerPoolOptions(workers: 2, over: mechanism)
      options.executable = program
      let error = #expect(throws: ChannelError.self) { try Pool(options) }
      #expect(error?.description.contains(program) == true, "\(String(describing: error))")
    }

    @Test("the error says how a worker ended and how often, or that it is alive", arguments: mechanisms)
    func aWorkerThatDoesNotServe(_ mechanism: Mechanism) throws {
      let mustCall = "its main must call WorkerPool.serve before anything else"
      for (command, code, says) in [
        (
          "exit 3", ChannelError.Code.closed,
          "ended (exit code 3) before it was ready, 10 times in succession: what it printed on standard error may say why; "
            + mustCall
        ),
        ("exit 0", .closed, "ended (exit code 0) before it was ready, 10 times in succession: \(mustCall)"),
        (
          "kill -9 $$", .closed,
          "ended (signal 9) before it was ready, 10 times in succession: something killed it: see whether memory is short (dmesg), or which program sends the signal"
        ),
        (
          "kill -TRAP $$", .closed,
          "ended (signal 5) before it was ready, 10 times in succession: it crashed; what it printed on standard error may say why"
        ),
        (
          "exec sleep 100", .timedOut,
          "is alive and hasn't called WorkerPool.serve within 0.2 s: \(mustCall)"
        ),
      ] {
        var options = WorkerPoolOptions(workers: 2, over: mechanism)
        options.executable = "/bin/sh"
        options.arguments = ["-c", command]
        // A worker that ends is waited for as long as it takes.
        if code == .timedOut { options.startTimeout = .milliseconds(200) }
        do throws(ChannelError) {
          _ = try Pool(options)
          Issue.record("the pool was built")
        } catch {
          #expect(error.code == code)
          #expect(error.message == "the worker /bin/sh \(says)")
        }
      }
    }

    /// Workers that a script starts, which ends some of them first. In the script, `$0` is a folder of the test, and `serve`
    /// becomes a worker.
    private func scripted(
      _ workers: Int, _ mechanism: Mechanism, _ folder: Folder, _ script: String
    ) -> WorkerPoolOptions {
      var options = WorkerPoolOptions(workers: workers, over: mechanism)
      options.executable = "/bin/sh"
      options.arguments = [
        "-c", "echo >>\"$0/starts\"; serve() { exec \"$peer\" \"$role\"; }; \(script)", folder.path,
      ]
      options.environment = ["peer": Workspace.peer, "role": TestWorker.role]
      return options
    }

    private func starts(_ folder: Folder) -> Int { folder.text("starts").count }

    @Test("a worker that dies before it is ready is started again", arguments: mechanisms)
    func aWorkerThatDiesAtItsStart(_ mechanism: Mechanism) throws {
      let folder = try Folder()
      // mkdir(1) succeeds once for each name: three processes die.
      let pool = try Pool(
        scripted(2, mechanism, folder, "for i in 1 2 3; do mkdir \"$0/$i\" 2>&- && kill -9 $$; done; serve"))
      #expect(pool.workerProcesses.count == 2)
      #expect(starts(folder) == 5)
      let gathered = Gathered()
      pool.process((0..<10).map { TestJob(number: $0) }) { outcome in
        gathered.add(outcome)
        return []
      }
      #expect(gathered.all.allSatisfy { (try? $0.result.get()) == $0.job.number && $0.attempts == 1 })
    }

    @Test("workers that die while they are started again don't end the pool", arguments: mechanisms)
    func workersThatDieAtTheirRestart(_ mechanism: Mechanism) async throws {
      let folder = try Folder()
      let pool = try Pool(
        scripted(
          1, mechanism, folder,
          "[ -e \"$0/broken\" ] && for i in 1 2 3 4 5; do mkdir \"$0/$i\" 2>&- && kill -9 $$; done; serve"))
      _ = try folder.handle("broken")
      for process in pool.workerProcesses.values { Processes.kill(process, SIGKILL) }
      #expect(try await pool.run(TestJob(number: 7)) == 7)
      #expect(starts(folder) == 7)
    }

    @Test("a worker that dies at each start is given up; with the last one, the pool", arguments: mechanisms)
    func aWorkerThatAlwaysDies(_ mechanism: Mechanism) async throws {
      let folder = try Folder()
      let pool = try Pool(
        scripted(2, mechanism, folder, "[ -e \"$0/broken\" ] && exit 3; serve"))
      _ = try folder.handle("broken")
      let workers = pool.workerProcesses
      Processes.kill(try #require(workers[0]), SIGKILL)
      // The other worker does the jobs meanwhile, and afterwards.
      for number in 0..<100 { #expect(try await pool.run(TestJob(number: number)) == number) }
      Processes.kill(try #require(workers[1]), SIGKILL)
      var failure: JobFailure?
      // A job may still come before the death.
      for _ in 0..<1000 {
        do {
          _ = try await pool.run(Self.nothing)
        } catch let error as JobFailure {
          failure = error
        }
        if case .poolFailed = failure { break }
      }
      guard case .poolFailed(let error) = failure else {
        Issue.record("\(String(describing: failure))")
        return
      }
      #expect(error.code == .closed)
      #expect(error.message.contains("ended (exit code 3) before it was ready, 10 times in succession"))
      #expect(comesTrue { starts(folder) == 2 + 2 * 10 })
    }

    @Test("a worker's program that can't be started is told as any other's")
    func aFolderAsAProgram() {
      var options = WorkerPoolOptions(workers: 1, over: .pipe)
      options.executable = "/tmp"
      let error = #expect(throws: ChannelError.self) { try Pool(options) }
      #expect(error?.message.hasPrefix("/tmp: it is a folder: ") == true, "\(String(describing: error))")
    }

    @Test func aWorkerThatSaysSomethingElseIsAnError() {
      var options = WorkerPoolOptions(workers: 1, over: .pipe)
      options.executable = "/bin/sh"
      options.arguments = ["-c", "for f in /proc/self/fd/*; do echo nonsense >&${f##*/}; done 2>/dev/null"]
      #expect(throws: ChannelError.self) { try Pool(options) }
    }

    @Test func aPoolWithoutWorkersIsAnError() throws {
      for workers in [0, -1] {
        let error = #expect(throws: ChannelError.self) { try Pool(options(workers)) }
        #expect(error?.code == .notSupported)
      }
      let error = #expect(throws: ChannelError.self) { try Pool(options(1, try Mechanism(named: "eventfd"))) }
      #expect(error?.code == .notSupported)
    }

    @Test(arguments: mechanisms) func cancellingEndsWhatRuns(_ mechanism: Mechanism) throws {
      let server = try SilentServer()
      let pool = try Pool(options(2, mechanism))
      let workers = pool.workerProcesses.values
      try Threads.start(name: "canceller") {
        if server.accept() { pool.cancel() }
      }
      let gathered = Gathered()
      pool.process((0..<10).map { TestJob(number: $0, port: server.port) }) { outcome in
        gathered.add(outcome)
        return []
      }
      #expect(gathered.all.count == 10)
      #expect(gathered.all.allSatisfy { $0.result == .failure(.cancelled) })
      pool.close()
      #expect(comesTrue { !workers.contains(where: isAlive) })
      // Nothing more is taken.
      pool.process([Self.nothing]) { outcome in
        gathered.add(outcome)
        return []
      }
      #expect(gathered.all.last?.result == .failure(.cancelled))
    }

    @Test(
      "cancelling a task ends its wait for a job that runs; the outcome is dropped", arguments: mechanisms)
    func cancellingATask(_ mechanism: Mechanism) async throws {
      let server = try SilentServer()
      let pool = try Pool(options(1, mechanism))
      let workers = pool.workerProcesses
      let task = Task { try await pool.run(TestJob(port: server.port)) }
      #expect(server.accept())
      task.cancel()
      await #expect(throws: CancellationError.self) { try await task.value }
      server.release()
      #expect(try await pool.run(TestJob(number: 5)) == 5)
      #expect(pool.workerProcesses == workers)
      pool.close()
      #expect(pool.statistics.workersDied == 0)
    }

    @Test(
      "cancelling a task kills the worker that has begun its job, where that is asked for",
      arguments: mechanisms)
    func cancellingATaskKillsItsWorker(_ mechanism: Mechanism) async throws {
      let server = try SilentServer()
      var options = options(1, mechanism)
      options.cancellation = .killsWorker
      options.attempts = 1
      let pool = try Pool(options)
      let workers = pool.workerProcesses
      let task = Task { try await pool.run(TestJob(port: server.port)) }
      #expect(server.accept())
      task.cancel()
      await #expect(throws: CancellationError.self) { try await task.value }
      // The job never ends by itself.
      #expect(try await pool.run(TestJob(number: 5)) == 5)
      #expect(pool.workerProcesses != workers)
      pool.close()
      #expect(pool.statistics.workersDied == 1 && pool.statistics.requeued == 0)
    }

    /// As ``comesTrue(_:)``, but other tasks go on meanwhile.
    private func becomesTrue(_ isTrue: () -> Bool) async -> Bool {
      let deadline = Clock.now() + 40_000_000_000
      while !isTrue() {
        if Clock.now() > deadline { return false }
        Clock.sleep(nanoseconds: 1_000_000)
        await Task.yield()
      }
      return true
    }

    @Test("a job that was cancelled before it began is never begun", arguments: mechanisms)
    func cancellingBeforeTheBeginning(_ mechanism: Mechanism) async throws {
      let (first, second) = (try SilentServer(), try SilentServer())
      let pool = try Pool(options(1, mechanism))
      // The worker gets two jobs together that wait while the connection handles an outcome: it has begun the first, and the
      // second lies in its channel.
      let waiting = Atomic(0)
      let handled = Atomic(0)
      try Threads.start(name: "coordinator") {
        pool.process((0..<2000).map { TestJob(number: $0) }) { outcome in
          if outcome.job.number == 1999 {
            waiting.store(1, ordering: .releasing)
            _ = comesTrue { pool.core.state.withLock { $0.queue.count } == 2 }
          }
          return []
        }
        handled.store(1, ordering: .releasing)
      }
      #expect(await becomesTrue { waiting.load(ordering: .acquiring) == 1 })
      let begun = Task { try await pool.run(TestJob(number: 1, port: first.port)) }
      #expect(await becomesTrue { pool.core.state.withLock { $0.queue.count } == 1 })
      let sent = Task { try await pool.run(TestJob(number: 2, port: second.port)) }
      #expect(await becomesTrue { handled.load(ordering: .acquiring) == 1 })
      #expect(first.accept())
      // This one is in the pool's queue.
      let queued = Task { try await pool.run(TestJob(number: 3, port: second.port)) }
      #expect(await becomesTrue { pool.core.state.withLock { $0.queue.count } == 1 })
      for task in [sent, queued] {
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
      }
      // A task that is cancelled before it begins.
      let early = Task {
        unsafe withUnsafeCurrentTask { unsafe $0?.cancel() }
        return try await pool.run(TestJob(number: 4, port: second.port))
      }
      await #expect(throws: CancellationError.self) { try await early.value }
      first.release()
      #expect(try await begun.value == 1)
      #expect(try await pool.run(TestJob(number: 5)) == 5)
      #expect(!second.hasClient)
      pool.close()
      #expect(pool.statistics.workersDied == 0)
    }

    @Test("jobs that were cancelled don't stay in the queue of a pool that is busy")
    func cancelledJobsLeaveTheQueue() async throws {
      let server = try SilentServer()
      let pool = try Pool(options(1, .pipe))
      let busy = Task { try await pool.run(TestJob(number: 1, port: server.port)) }
      #expect(server.accept())
      for number in 0..<2000 {
        let task = Task { try await pool.run(TestJob(number: number)) }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
      }
      #expect(pool.core.state.withLock { $0.queue.count } <= 200)
      server.release()
      #expect(try await busy.value == 1)
    }

    @Test("a start that takes too long ends after its timeout", arguments: mechanisms)
    func aStartThatTakesTooLong(_ mechanism: Mechanism) throws {
      var options = options(3, mechanism)
      options.executable = "/bin/sh"
      options.arguments = ["-c", "exec sleep 1000"]
      options.startTimeout = .milliseconds(300)
      let begun = Clock.now()
      #expect(code { () throws(ChannelError) in _ = try Pool(options) } == .timedOut)
      #expect(Clock.now() - begun < 10_000_000_000)
    }

    @Test func releasingAPoolEndsItsWorkers() throws {
      var workers: [Int32] = []
      do {
        let pool = try Pool(options(2))
        workers = Array(pool.workerProcesses.values)
      }
      #expect(workers.count == 2)
      #expect(comesTrue { !workers.contains(where: isAlive) })
    }

    @Test("a worker that serves other types is refused, and both say why", arguments: mechanisms)
    func otherTypes(mechanism: Mechanism) throws {
      do throws(ChannelError) {
        _ = try WorkerPool<TestJob, String>(options(2, mechanism))
        Issue.record("the pool was built")
      } catch {
        #expect(error.code == .typeMismatch)
        #expect(error.message.contains("WorkerPool<TestJob, String>"))
        #expect(error.message.contains("WorkerPool<TestJob, Int>"))
      }
    }

    @Test("a program that forgets to serve starts no second generation")
    func forgottenServe() throws {
      var jobs = try Channel<Int>(over: .pipe)
      var child = try ChildProcess.spawn(Workspace.peer, arguments: [TestWorker.forgetfulRole]) {
        try $0.pass(&jobs.receiver, as: "anything")
      }
      #expect(try child.wait() == .code(42))
      // What the pool that started it says.
      var options = options(2)
      options.arguments = [TestWorker.forgetfulRole]
      #expect(code { () throws(ChannelError) in _ = try Pool(options) } == .closed)
    }

    @Test("a program that only has the environment of a child may build a pool")
    func inheritedEnvironment() throws {
      var jobs = try Channel<Int>(over: .pipe)
      var child = try ChildProcess.spawn(
        "sh", arguments: ["-c", "exec 3<&-; exec \"$0\" \(TestWorker.forgetfulRole)", Workspace.peer]
      ) { try $0.pass(&jobs.receiver, as: "anything") }
      // Its pool's workers forget to serve, and are refused: the error is its own pool's, and not notServed.
      #expect(try child.wait() == .code(1))
    }
  }
}
