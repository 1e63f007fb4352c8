import Glibc

/// What the kernel refused: the errno, and the call that it refused.
package struct SystemError: Error, Hashable, Sendable {
  package let number: Int32
  package let call: SystemCall

  package init(_ number: Int32, _ call: SystemCall) {
    self.number = number
    self.call = call
  }

  /// The C library's own words for the errno: "No such file or directory".
  package var words: String {
    guard let text = unsafe strerror(number) else { return "errno \(number)" }
    return unsafe String(cString: text)
  }

  package var wouldBlock: Bool { number == EAGAIN || number == EWOULDBLOCK }

  /// A try that found nothing to do: EAGAIN, or ENOMSG of a message queue.
  package var foundNothing: Bool { number == EAGAIN || number == ENOMSG }
}

/// The calls that pass through the gate, by the names of their man pages.
package enum SystemCall: String, Sendable, CaseIterable {
  case open, close, read, write, readv, writev, fstat, stat, unlink, mkfifo, mkdir, flock, fcntl, poll
  case pipe2, eventfd, epoll, memfdCreate = "memfd_create", ftruncate, mmap
  case socket, socketpair, bind, listen, accept, connect, sendmsg, recvmsg, setsockopt, getsockopt,
    getsockname, getaddrinfo
  case msgget, msgsnd, msgrcv, msgctl, semget, semop, semctl, shmget, shmat, shmctl
  case mqOpen = "mq_open", mqSend = "mq_send", mqReceive = "mq_receive", mqGetattr = "mq_getattr", mqUnlink =
    "mq_unlink"
  case semWait = "sem_wait", semPost = "sem_post", posixSpawn = "posix_spawn", waitid, kill,
    pidfdOpen = "pidfd_open", rtTgsigqueueinfo = "rt_tgsigqueueinfo", sigwaitinfo, prctl
}

/// The one gate from errno to an error: runs the call, runs it again when a signal interrupted it, throws what
/// the kernel says otherwise. In debug builds ``Faults`` can answer in the kernel's stead.
///
/// - Parameter tries: how often a call that found nothing to do is made before that is thrown: a spin, as close to the
///   kernel as one gets.
@inline(__always) @discardableResult
package func system<Result: FixedWidthInteger & SignedInteger>(
  _ call: SystemCall, tries: Int = 1, _ body: () -> Result
) throws(SystemError) -> Result {
  var left = tries
  while true {
    if let forced = Faults.errno(for: call) {
      if forced == EINTR { continue }
      throw SystemError(forced, call)
    }
    let result = body()
    if result != -1 { return result }
    let number = Glibc.errno
    if number == EINTR { continue }
    let error = SystemError(number, call)
    left &-= 1
    guard left > 0, error.foundNothing else { throw error }
    Futex.pause()
  }
}
