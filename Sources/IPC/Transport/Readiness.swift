/// How to wait for an endpoint without a thread of one's own: for ``SharedReceiver``, ``SharedSender`` and `select`.
@usableFromInline package enum Readiness {
  /// epoll(7) reports when one of the descriptors is ready for what the endpoint does, or hung up; the liveness pipe,
  /// when the last peer is gone.
  case descriptors([Int32], LivenessPipe?)
  /// The same for counters, which become readable, for a sender too.
  case counters([Int32], LivenessPipe?)
  /// No poll reports it: a thread waits in `waitUntilReady`, beside which other calls of the endpoint may run.
  case thread
}
