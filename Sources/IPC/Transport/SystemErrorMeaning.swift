import Glibc
package import SystemCalls

/// What an errno means to a channel.
extension SystemError {
  /// The peer is gone: a broken pipe, a reset connection, a removed queue.
  var meansClosed: Bool {
    switch number {
    case EPIPE, ECONNRESET, ENOTCONN, ESHUTDOWN, ETIMEDOUT: true
    default: meansRemoved
    }
  }

  /// A System V object is gone: while a call waited for it, or before.
  var meansRemoved: Bool {
    switch number {
    case EIDRM: true
    case EINVAL: [.msgsnd, .msgrcv, .semtimedop, .semctl].contains(call)
    default: false
    }
  }

  var meansForbidden: Bool { number == EACCES || number == EPERM }
  var meansMissing: Bool { number == ENOENT }
  /// No process receives there.
  var meansRefused: Bool { number == ECONNREFUSED || number == ENOENT || number == ENXIO }
  /// The name or the address is in use.
  var meansTaken: Bool { number == EADDRINUSE || number == EEXIST }
  /// The machine doesn't have the address.
  var meansNoSuchAddress: Bool { number == EADDRNOTAVAIL }
  var meansWrongSocketType: Bool { number == EPROTOTYPE }
  var meansTimedOut: Bool { number == ETIMEDOUT }
  var meansNoMessage: Bool { number == ENOMSG }
  var meansTooBig: Bool { number == E2BIG || number == EMSGSIZE }
  /// Something on the way of a path isn't a folder.
  var meansNotFolder: Bool { number == ENOTDIR }
  /// A file that the kernel can't execute.
  var meansNotProgram: Bool { number == ENOEXEC }
  var meansTooLong: Bool { number == ENAMETOOLONG }
  /// The call would have made a file.
  var meansMaking: Bool { call == .mkfifo || call == .bind }
  /// The call takes a path as a socket's address, which is shorter than other paths.
  var meansSocketPath: Bool { call == .bind || call == .connect }
  /// A directory, a socket or a symbolic link where a file should be.
  var meansOtherThanFile: Bool { call == .open && [EISDIR, ELOOP, ENXIO].contains(number) }
  /// A symbolic link where none is followed.
  var meansLink: Bool { number == ELOOP }

  /// What to do about a limit of the kernel's; empty where the errno speaks for itself.
  package var advice: String {
    switch (number, call) {
    case (ENOSPC, .msgget): "; as many queues as kernel.msgmni allows exist: see ipcs -q, remove some"
    case (ENOSPC, .semget): "; as many semaphores as kernel.sem allows exist: see ipcs -s, remove some"
    case (ENOSPC, .semtimedop):
      "; as many undo entries as kernel.sem allows exist: end processes that use semaphores"
    case (EINVAL, .semget):
      "; a set has as many semaphores as the first number of kernel.sem allows (SEMMSL): raise that with sysctl"
    case (E2BIG, .semtimedop):
      "; a call does as many operations as the third number of kernel.sem allows (SEMOPM): raise that with sysctl"
    case (ENOSPC, .shmget):
      "; as many segments as kernel.shmmni or shmall allow exist: see ipcs -m, remove some"
    case (ENOSPC, .mqOpen):
      "; as many queues as fs.mqueue.queues_max allows exist: see /dev/mqueue, remove some"
    case (EINVAL, .shmget): "; the size is over kernel.shmmax: ask for a smaller ?capacity="
    case (EMFILE, .mqOpen):
      "; this user's POSIX queues have as many bytes as ulimit -q allows (\(Processes.queueBytesLimit)): use fewer workers or channels, end programs that have some, or raise it"
    case (EMFILE, _):
      "; this process has as many descriptors as ulimit -n allows (\(Processes.descriptorLimit)): raise it, or close some"
    case (ENFILE, _): "; the machine has as many open files as fs.file-max allows"
    case (EPERM, .fcntl): "; the user's pipes hold as much as fs.pipe-user-pages-soft allows"
    case (EADDRNOTAVAIL, .connect):
      "; this machine has no address, or no free port, from which to reach that one"
    case (ENOSPC, _): "; the disk or the file system is full"
    case (EFBIG, _): "; a file may have as many bytes as ulimit -f allows: raise it"
    case (EAGAIN, .pthreadCreate):
      "; no thread can start: this user's processes and threads (ulimit -u), the memory (ulimit -v), or the machine's threads (kernel.threads-max) are at their limit"
    case (EAGAIN, .posixSpawn):
      "; no process can start: this user's processes and threads (ulimit -u), or the machine's (kernel.pid_max), are at their limit"
    case (ENOMEM, _): "; the memory that ulimit -v or the machine allows is used up"
    default: ""
    }
  }
}

extension ChannelError {
  /// No process receives there now: a sender that opens a name tries again.
  var meansNoReceiver: Bool {
    errno == ECONNREFUSED || errno == ENOENT || errno == ENXIO || code == .noReceiver
  }
}
