import CBaseline
import IPC
import SystemCalls

/// An exchange in plain C: what the library is compared with.
@safe final class RawExchange: Exchange {
  let out: OpaquePointer?
  let into: OpaquePointer?
  private var segments: [RawSegment] = []

  /// Keeps what an end's memory lies in.
  private final class RawSegment {
    let segment: Segment
    init(_ segment: consuming Segment) { self.segment = segment }
  }

  init(_ spec: ExchangeSpec, _ ends: ExchangeSpec.RawEnds) throws {
    let mechanism = try Mechanism(named: spec.mechanism)
    guard let baseline = mechanism.traits.baseline else {
      throw ExchangeFailure("\(mechanism) has no exchange in plain C")
    }
    let wait = WaitStrategy(rawValue: spec.wait) ?? .block
    var segments: [RawSegment] = []
    func open(_ end: ExchangeSpec.RawEnd?, sends: Bool) throws -> OpaquePointer? {
      guard let end else { return nil }
      var options = unsafe baseline_options()
      unsafe options.kind = baseline.kind
      unsafe options.wait = [.block: baseline_block, .spin: baseline_spin, .adaptive: baseline_adaptive][
        wait]!
      unsafe options.mode = [.each: baseline_each, .batched: baseline_batched, .inPlace: baseline_in_place][
        spec.mode]!
      unsafe options.sends = sends
      unsafe options.size = spec.size
      unsafe options.unit = end.unit
      unsafe options.is_stream = end.isStream
      unsafe options.stream = end.stream
      unsafe options.id = end.id
      unsafe options.slots = Int32(end.slots)
      if let id = end.segment {
        guard let attached = try Segment(shmat: id) else {
          throw ExchangeFailure("segment \(id) is another user's")
        }
        let segment = RawSegment(attached)
        segments.append(segment)
        unsafe options.memory = UnsafeMutableRawPointer(segment.segment.bytes.baseAddress!)
      }
      guard let opened = unsafe baseline_open(&options) else {
        throw ExchangeFailure("the plain C exchange can't use its endpoint of \(mechanism)")
      }
      return unsafe opened
    }
    unsafe out = try open(ends.sending, sends: true)
    unsafe into = try open(ends.receiving, sends: false)
    self.segments = segments
  }

  func run(_ context: ExchangeContext, _ run: ExchangeRun) throws -> Int32 {
    unsafe context.tally.pointee.every_byte = run.verifies
    guard let loops = context.spec.workload.inPlainC else {
      throw ExchangeFailure("\(context.spec.workload.name) has no exchange in plain C")
    }
    var this = self
    return try context.isSender ? loops.send(&this, context, run) : loops.receive(&this, context, run)
  }

  func stop(_ receivers: Int) throws {
    for _ in 0..<receivers {
      if unsafe baseline_send(out, baseline_stop, 1, false) < 0 {
        throw ExchangeFailure("the stop message can't be sent")
      }
    }
  }

  func close() {}
}

extension MechanismTraits.Baseline {
  fileprivate var kind: baseline_kind {
    switch self {
    case .pipe: baseline_pipe
    case .fifo: baseline_fifo
    case .queue: baseline_queue
    case .semaphore: baseline_semaphore
    case .ring: baseline_ring
    case .socket: baseline_socket
    }
  }
}
