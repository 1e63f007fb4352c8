import Glibc

/// What the kernel or the C library refused: the errno, and the call that failed.
package struct SystemError: Error, Hashable, Sendable, CustomStringConvertible {
  package let number: Int32
  package let call: SystemCall

  package init(_ number: Int32, _ call: SystemCall) {
    self.number = number
    self.call = call
  }

  /// A call that would have to wait longer than it may.
  package init(waiting call: SystemCall) { self.init(EAGAIN, call) }

  /// The C library's text for the errno: "No such file or directory". strerror(3).
  package var description: String { Self.text(number) }

  /// strerror(3), for an errno that comes from elsewhere.
  package static func text(_ errno: Int32) -> String {
    guard let text = unsafe strerror(errno) else { return "errno \(errno)" }
    return unsafe String(cString: text)
  }

  package var wouldBlock: Bool { number == EAGAIN || number == EWOULDBLOCK }

  /// A wait with a timeout that is over: the time passed, or a signal came. Which of them, the caller's clock says.
  package var endsWait: Bool { wouldBlock || number == EINTR }

  /// A try that found nothing to do: EAGAIN, or ENOMSG of a message queue.
  package var foundNothing: Bool { number == EAGAIN || number == ENOMSG }
}

/// The calls that pass through the gate. The raw value is the name of the call's man page.
package enum SystemCall: String, Sendable, CaseIterable {
  // Files and directories.
  case open, close, read, write, lstat, fstat, unlink, rmdir, mkfifo, mkdir, opendir, flock, ftruncate, lseek,
    fcntl,
    fchmod,
    fchmodat
  // Byte streams.
  case pipe2, writev, preadv2, pwritev2
  // Waiting.
  case ppoll, eventfd, epollCreate1 = "epoll_create1", epollCtl = "epoll_ctl", epollWait = "epoll_wait"
  // Memory.
  case memfdCreate = "memfd_create", mmap, futex
  // Sockets.
  case socket, socketpair, bind, listen, accept4, connect, shutdown, sendmsg, recvmsg, send, recv, setsockopt,
    getsockopt
  case getsockname, getpeername, getaddrinfo
  // System V.
  case msgget, msgsnd, msgrcv, msgctl, semget, semtimedop, semctl, shmget, shmat, shmctl
  // POSIX message queues and semaphores.
  case mqOpen = "mq_open", mqTimedsend = "mq_timedsend", mqTimedreceive = "mq_timedreceive"
  case mqGetattr = "mq_getattr", mqUnlink = "mq_unlink"
  case semInit = "sem_init", semPost = "sem_post", semTrywait = "sem_trywait", semClockwait = "sem_clockwait"
  // Processes, threads and signals.
  case posixSpawn = "posix_spawn", wait4, pidfdOpen = "pidfd_open", pthreadCreate = "pthread_create"
  case rtTgsigqueueinfo = "rt_tgsigqueueinfo", sigwaitinfo
}
