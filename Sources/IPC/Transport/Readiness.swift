/// How to wait for an end without a thread of one's own: for ``AsyncReceiver``, ``AsyncSender`` and `select`.
@usableFromInline package enum Readiness {
  /// epoll(7) says when one of the descriptors is ready for what the end does, or hung up; the liveness, when the other side
  /// is gone.
  case descriptors([Int32], LivenessPipe?)
  /// The same of counters, which are readable when there is something, for a sender as well.
  case counters([Int32], LivenessPipe?)
  /// No poll sees it: a thread has to wait in `waitUntilReady`, which other calls of the end may run beside.
  case waiting
}
