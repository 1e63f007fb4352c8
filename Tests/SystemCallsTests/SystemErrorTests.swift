import Glibc
import Testing

@testable import SystemCalls

extension AllSystemCallsTests {
  /// Every error names the call that failed: the real failure where one is easy to cause, else an injected one.
  @Suite struct SystemErrorTests {
    /// A failure to cause, and the error that it throws.
    struct Failure: Sendable, CustomTestStringConvertible {
      let errno: Int32
      let call: SystemCall
      let cause: @Sendable (ScratchDirectory) throws(SystemError) -> Void

      init(
        _ errno: Int32, _ call: SystemCall,
        _ cause: @escaping @Sendable (ScratchDirectory) throws(SystemError) -> Void
      ) {
        self.errno = errno
        self.call = call
        self.cause = cause
      }

      var testDescription: String { "\(call.rawValue): \(SystemError.text(errno))" }

      /// The error that was thrown; nil when there was none.
      func thrown() throws -> SystemError? {
        let scratch = try ScratchDirectory()
        do throws(SystemError) {
          try cause(scratch)
          return nil
        } catch {
          return error
        }
      }
    }

    /// A number that is no descriptor's.
    private static func none() -> Descriptor { Descriptor(owning: 1_000_000) }

    private static var empty: UnsafeRawBufferPointer { unsafe UnsafeRawBufferPointer(start: nil, count: 0) }
    private static var noRoom: UnsafeMutableRawBufferPointer {
      unsafe UnsafeMutableRawBufferPointer(start: nil, count: 0)
    }

    static let files: [Failure] = [
      Failure(ENOENT, .open) { scratch throws(SystemError) in _ = try Files.open(scratch("none"), .read) },
      Failure(EISDIR, .read) { scratch throws(SystemError) in _ = try Files.readText(scratch.path) },
      Failure(ENOSPC, .write) { _ throws(SystemError) in
        try Files.writeText(try Files.open("/dev/full", .write), "text")
      },
      Failure(ENOENT, .lstat) { scratch throws(SystemError) in _ = try Files.stat(scratch("none")) },
      Failure(EBADF, .fstat) { _ throws(SystemError) in _ = try Files.fstat(none()) },
      Failure(ENOENT, .unlink) { scratch throws(SystemError) in try Files.unlink(scratch("none")) },
      Failure(ENOENT, .rmdir) { scratch throws(SystemError) in try Files.rmdir(scratch("none")) },
      Failure(EEXIST, .mkfifo) { scratch throws(SystemError) in try Files.mkfifo(scratch.path) },
      Failure(EEXIST, .mkdir) { scratch throws(SystemError) in try Files.mkdir(scratch.path) },
      Failure(ENOENT, .opendir) { scratch throws(SystemError) in _ = try Files.names(in: scratch("none")) },
      Failure(ENOENT, .fchmodat) { scratch throws(SystemError) in
        let unusable = try Files.fstat(try Files.open(scratch("file"), .write, create: true))
        try Files.repair(directory: scratch("none"), unusable)
      },
      Failure(EBADF, .flock) { _ throws(SystemError) in _ = try Files.flock(none(), wait: false) },
      Failure(EBADF, .ftruncate) { _ throws(SystemError) in try Files.ftruncate(none()) },
      Failure(EBADF, .lseek) { _ throws(SystemError) in try Files.rewind(none()) },
      Failure(EBADF, .fcntl) { _ throws(SystemError) in _ = try Streams.fcntl(pipeSize: none()) },
    ]

    static let streams: [Failure] = [
      Failure(EBADF, .read) { _ throws(SystemError) in _ = unsafe try Streams.read(-1, into: noRoom) },
      Failure(EBADF, .preadv2) { _ throws(SystemError) in _ = unsafe try Streams.preadv2(-1, into: noRoom) },
      Failure(EBADF, .writev) { _ throws(SystemError) in _ = unsafe try Streams.writev(-1, empty, empty) },
      Failure(EBADF, .pwritev2) { _ throws(SystemError) in _ = unsafe try Streams.pwritev2(-1, empty, empty)
      },
      Failure(EBADF, .epollCtl) { _ throws(SystemError) in try Epoll().add(1_000_000, .read, token: 1) },
      Failure(EINVAL, .mmap) { _ throws(SystemError) in _ = try memoryFile(0) },
      Failure(EINVAL, .ftruncate) { _ throws(SystemError) in _ = try memoryFile(-1) },
    ]

    static let sockets: [Failure] = [
      Failure(EBADF, .fchmod) { scratch throws(SystemError) in
        try Sockets.bind(none(), path: scratch("socket"))
      },
      Failure(EADDRINUSE, .bind) { scratch throws(SystemError) in
        try Sockets.bind(try Sockets.socket(unix: .stream), path: scratch.path)
      },
      Failure(EBADF, .listen) { _ throws(SystemError) in try Sockets.listen(none()) },
      Failure(EINVAL, .accept4) { _ throws(SystemError) in
        _ = try Sockets.accept(try Sockets.socket(unix: .stream))
      },
      Failure(ENOENT, .connect) { scratch throws(SystemError) in
        try Sockets.connect(try Sockets.socket(unix: .stream), path: scratch("none"))
      },
      Failure(EBADF, .sendmsg) { _ throws(SystemError) in
        _ = unsafe try Sockets.sendmsg(-1, empty, empty, wait: false)
      },
      Failure(EBADF, .recvmsg) { _ throws(SystemError) in
        var truncated = false
        _ = unsafe try Sockets.recvmsg(-1, into: noRoom, wait: false, truncated: &truncated)
      },
      Failure(EBADF, .recvmsg) { _ throws(SystemError) in _ = try Sockets.recvmsgDescriptor(over: none()) },
      Failure(EBADF, .sendmsg) { _ throws(SystemError) in try Sockets.sendmsg(raw: 0, over: none()) },
      Failure(EBADF, .setsockopt) { _ throws(SystemError) in try Sockets.setsockopt(none(), .sendBuffer, 1) },
      Failure(EBADF, .getsockopt) { _ throws(SystemError) in
        _ = try Sockets.getsockopt(none(), .pendingError)
      },
      Failure(EBADF, .getsockopt) { _ throws(SystemError) in _ = try Sockets.getsockopt(peerUser: none()) },
      Failure(EBADF, .getsockname) { _ throws(SystemError) in _ = try Internet.getsockname(none()) },
      Failure(ENOTCONN, .getpeername) { _ throws(SystemError) in
        let any = try Internet.getaddrinfo(host: "127.0.0.1", port: 0, passive: true)[0]
        _ = try Internet.getpeername(try Internet.socket(any))
      },
      Failure(EAFNOSUPPORT, .socket) { _ throws(SystemError) in
        _ = try Internet.socket(Internet.Address(family: -1, bytes: []))
      },
    ]

    static let systemV: [Failure] = [
      Failure(EINVAL, .msgsnd) { _ throws(SystemError) in
        let message: [Int] = [1]
        try unsafe message.span.withUnsafeBytes { bytes throws(SystemError) in
          try unsafe MessageQueues.msgsnd(-1, bytes.baseAddress!, count: 0, wait: false)
        }
      },
      Failure(EINVAL, .msgrcv) { _ throws(SystemError) in _ = try MessageQueues.msgrcv(probe: -1) },
      Failure(EINVAL, .msgctl) { _ throws(SystemError) in _ = try MessageQueues.msgctl(status: -1) },
      Failure(EINVAL, .semget) { _ throws(SystemError) in _ = try Semaphores.semget([]) },
      Failure(EINVAL, .semctl) { _ throws(SystemError) in _ = try Semaphores.semctl(status: -1) },
      Failure(EINVAL, .semtimedop) { _ throws(SystemError) in
        let step = Semaphores.Steps(Semaphores.Operation(0, 1))
        try Semaphores.semtimedop(-1, step, nanoseconds: 0)
      },
      Failure(EINVAL, .shmget) { _ throws(SystemError) in _ = try Segment(shmget: 0) },
      Failure(EINVAL, .shmctl) { _ throws(SystemError) in _ = try Segment(shmat: -1) },
    ]

    static let posix: [Failure] = [
      Failure(ENOENT, .mqOpen) { _ throws(SystemError) in _ = try POSIXQueues.mqOpen("/swift-ipc-none") },
      Failure(ENOENT, .mqUnlink) { _ throws(SystemError) in try POSIXQueues.mqUnlink("/swift-ipc-none") },
      Failure(EBADF, .mqGetattr) { _ throws(SystemError) in _ = try POSIXQueues.mqGetattr(none()) },
      Failure(EBADF, .mqTimedsend) { _ throws(SystemError) in _ = unsafe try POSIXQueues.mqSend(-1, empty) },
      Failure(EBADF, .mqTimedreceive) { _ throws(SystemError) in
        _ = unsafe try POSIXQueues.mqReceive(-1, into: noRoom)
      },
      Failure(EINVAL, .semInit) { _ throws(SystemError) in
        let segment = try Segment(shmget: 4096)
        try Segment.shmctl(remove: segment.id)
        try unsafe POSIXSemaphore(segment.bytes, at: 0).semInit(.max)
      },
      Failure(EOVERFLOW, .semPost) { _ throws(SystemError) in
        let segment = try Segment(shmget: 4096)
        try Segment.shmctl(remove: segment.id)
        let semaphore = unsafe POSIXSemaphore(segment.bytes, at: 0)
        try semaphore.semInit(UInt32(Int32.max))
        try semaphore.semPost()
      },
    ]

    static let processes: [Failure] = [
      Failure(ENOENT, .posixSpawn) { scratch throws(SystemError) in
        _ = try Processes.posixSpawn(scratch("none"), arguments: [], environment: [], descriptors: [])
      },
      Failure(ECHILD, .wait4) { _ throws(SystemError) in _ = try Processes.wait4(getpid(), wait: false) },
      Failure(EINVAL, .pidfdOpen) { _ throws(SystemError) in _ = try Processes.pidfdOpen(-1) },
      Failure(EINVAL, .rtTgsigqueueinfo) { _ throws(SystemError) in
        try Signals.rtTgsigqueueinfo(0, process: -1, thread: -1)
      },
    ]

    @Test("a failure names its call", arguments: files + streams + sockets + systemV + posix + processes)
    func names(failure: Failure) throws {
      let error = try failure.thrown()
      #expect(error?.call == failure.call)
      #expect(error?.number == failure.errno)
    }

    /// Calls that fail when the process may have no more descriptors.
    static let withoutDescriptors: [Failure] = [
      Failure(EMFILE, .pipe2) { _ throws(SystemError) in _ = try PipeEnds.pipe2() },
      Failure(EMFILE, .eventfd) { _ throws(SystemError) in _ = try Events.eventfd() },
      Failure(EMFILE, .epollCreate1) { _ throws(SystemError) in _ = try Epoll() },
      Failure(EMFILE, .memfdCreate) { _ throws(SystemError) in _ = try MemoryFile.memfdCreate() },
      Failure(EMFILE, .socket) { _ throws(SystemError) in _ = try Sockets.socket(unix: .stream) },
      Failure(EMFILE, .socketpair) { _ throws(SystemError) in _ = try Sockets.socketpair(.stream) },
      Failure(EINVAL, .ppoll) { _ throws(SystemError) in _ = try ppoll(0, read: true, nanoseconds: 0) },
    ]

    @Test("a failure for want of descriptors names its call", arguments: withoutDescriptors)
    func namesWithoutDescriptors(failure: Failure) throws {
      var limit = rlimit()
      #expect(unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0)
      var none = limit
      none.rlim_cur = 0
      let scratch = try ScratchDirectory()
      var found: SystemError?
      let lowered = unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &none)
      do throws(SystemError) { try failure.cause(scratch) } catch { found = error }
      let restored = unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
      #expect(lowered == 0 && restored == 0)
      #expect(found?.call == failure.call)
      #expect(found?.number == failure.errno)
    }

    #if DEBUG
      /// Calls whose failure is hard to cause: injected.
      static let injected: [Failure] = [
        Failure(EIO, .epollWait) { _ throws(SystemError) in _ = try Epoll().wait(milliseconds: 0) },
        Failure(ENOSPC, .msgget) { _ throws(SystemError) in _ = try MessageQueues.msgget() },
        Failure(ENOMEM, .shmat) { _ throws(SystemError) in _ = try Segment(shmget: 1) },
        Failure(EIO, .semTrywait) { _ throws(SystemError) in
          let segment = try Segment(shmget: 4096)
          try Segment.shmctl(remove: segment.id)
          let semaphore = unsafe POSIXSemaphore(segment.bytes, at: 0)
          try semaphore.semInit(0)
          _ = try semaphore.semClockwait(nanoseconds: 0)
        },
        Failure(EIO, .semClockwait) { _ throws(SystemError) in
          let segment = try Segment(shmget: 4096)
          try Segment.shmctl(remove: segment.id)
          let semaphore = unsafe POSIXSemaphore(segment.bytes, at: 0)
          try semaphore.semInit(0)
          _ = try semaphore.semClockwait(nanoseconds: 1)
        },
        Failure(EAGAIN, .pthreadCreate) { _ throws(SystemError) in try Threads.start(name: "none") {} },
        Failure(EIO, .sigwaitinfo) { _ throws(SystemError) in _ = try Signals.sigwaitinfo() },
        Failure(EIO, .send) { _ throws(SystemError) in
          let any = try Internet.getaddrinfo(host: "127.0.0.1", port: 0, passive: true)[0]
          _ = try SocketTable.owner(local: any, remote: any)
        },
        Failure(EIO, .recv) { _ throws(SystemError) in
          let any = try Internet.getaddrinfo(host: "127.0.0.1", port: 0, passive: true)[0]
          _ = try SocketTable.owner(local: any, remote: any)
        },
      ]

      @Test("an injected failure names its call", arguments: injected)
      func namesWhenInjected(failure: Failure) throws {
        var error: SystemError?
        let plan = Faults.Plan(failure.call, at: 1, .errno(failure.errno))
        let fired = try Faults.with([plan]) { () throws in error = try failure.thrown() }
        #expect(fired == [true])
        #expect(error?.call == failure.call)
        #expect(error?.number == failure.errno)
      }

      @Test("every call has a failure here")
      func everyCall() {
        let all = Self.files + Self.streams + Self.sockets + Self.systemV + Self.posix + Self.processes
        let tested = Set((all + Self.withoutDescriptors + Self.injected).map(\.call))
        // getaddrinfo(3) sets errno only where the resolver's own calls fail. The others are made where no failure matters: the
        // trace alone names them.
        #expect(
          Set(SystemCall.allCases).subtracting(tested) == [.getaddrinfo, .close, .shutdown, .futex])
      }
    #endif

    @Test("an error's description is the C library's text")
    func descriptionComesFromTheLibrary() {
      #expect(SystemError(ENOENT, .open).description == "No such file or directory")
      #expect(SystemError(EAGAIN, .read).wouldBlock)
      #expect(!SystemError(EINTR, .read).wouldBlock)
      #expect(!SystemError(98765, .read).description.isEmpty)
    }
  }
}
