import IPC
import SystemCalls

/// A channel whose kernel objects the baseline uses: made as the library makes its own, so that both have the same
/// sizes and options, and handed over as they are.
final class RawChannel {
  private let pair: TransportPair
  private let sending: EndpointTransfer
  private let receiving: EndpointTransfer

  init(_ mechanism: Mechanism, _ options: ChannelOptions) throws {
    pair = try Catalogue.implementation(of: mechanism).pair(options)
    sending = try pair.sender.transfer()
    receiving = try pair.receiver.transfer()
  }

  /// Hands the sending end to a process that removes what would be left, where the kernel wouldn't.
  func give(_ spawn: inout Spawn, _ name: String) throws(ChannelError) {
    guard ["queue", "semaphore"].contains(pair.sender.mechanism.name) else { return }
    try spawn.pass(Sender(pair.sender), as: name)
  }

  deinit {
    pair.sender.close()
    pair.receiver.close()
  }

  /// What a process needs of a side; its descriptors are added to those that the process gets.
  func end(sends: Bool, stream: UInt32, _ descriptors: inout [Int32]) throws -> PartSpec.RawEnd {
    let transfer = sends ? sending : receiving
    let parameters = Dictionary(
      transfer.parameters.map { ($0.key, $0.value) }, uniquingKeysWith: { first, _ in first })
    func number(_ key: String) -> Int? { parameters[key].flatMap { Int($0) } }
    var end = PartSpec.RawEnd(
      id: -1, segment: nil, slots: number("slots") ?? 0, unit: number("unit") ?? 1 << 16,
      isStream: number("stream") == 1, stream: stream)
    if let queue = number("queue") {
      end.id = Int32(queue)
      end.unit = min(
        KernelLimit.number("kernel/msgmax"), try MessageQueues.msgctl(status: Int32(queue)).capacityBytes)
    } else if let set = number("set") {
      end.id = Int32(set)
      end.segment = number("segment").map { Int32($0) }
      end.unit = 4096
    } else if let segment = number("segment") {
      end.segment = Int32(segment)
    } else {
      // Behind the parent-death pipe.
      end.id = Int32(4 + descriptors.count)
      descriptors.append(transfer.descriptors[0])
    }
    return end
  }
}
