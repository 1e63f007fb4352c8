import CBaseline
import IPC

/// How the baseline carries what a mechanism carries.
struct RawKind {
  let kind: baseline_kind

  init?(_ benchmark: BenchmarkCase) {
    switch benchmark.mechanism.name {
    case "pipe": kind = baseline_pipe
    case "fifo": kind = baseline_fifo
    case "queue": kind = baseline_queue
    case "semaphore": kind = baseline_semaphore
    case "memory": kind = baseline_ring
    case "unix", "tcp": kind = baseline_socket
    default: return nil
    }
  }
}
