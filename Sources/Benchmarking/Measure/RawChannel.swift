import IPC
import SystemCalls

/// A channel whose kernel objects the plain C exchange uses. The library creates it, so that both have the same sizes
/// and options.
final class RawChannel {
  /// What goes in one call where the mechanism sets no limit.
  static let defaultUnit = 1 << 16
  /// Behind the standard streams and the parent-death pipe.
  private static let firstDescriptor: Int32 = 4

  private let pair: TransportPair
  private let sending: EndpointTransfer
  private let receiving: EndpointTransfer

  init(_ mechanism: Mechanism, _ options: ChannelOptions) throws {
    pair = try Catalogue.implementation(of: mechanism).pair(options)
    sending = try pair.sender.transfer()
    receiving = try pair.receiver.transfer()
  }

  /// Passes the sender to a process of the library, which removes the kernel objects if they would outlive the exchange.
  func passSender(_ spawn: inout Spawn, _ name: String) throws(ChannelError) {
    guard pair.sender.mechanism.traits.outlivesProcesses else { return }
    var sender = ByteSender(pair.sender)
    try spawn.pass(&sender, as: name)
  }

  deinit {
    pair.sender.close()
    pair.receiver.close()
  }

  /// The kernel objects of one endpoint. Appends its descriptors to those that are passed to the process.
  func end(sends: Bool, stream: UInt32, _ descriptors: inout [Int32]) throws -> ExchangeSpec.RawEnd {
    let transfer = sends ? sending : receiving
    let parameters = Dictionary(
      transfer.parameters.map { ($0.key, $0.value) }, uniquingKeysWith: { first, _ in first })
    let traits = pair.sender.mechanism.traits
    func number(_ key: String) -> Int? { parameters[key].flatMap { Int($0) } }
    var end = ExchangeSpec.RawEnd(
      id: -1, segment: nil, slots: number("slots") ?? 0,
      unit: number("unit") ?? traits.bytesPerCall ?? Self.defaultUnit,
      isStream: number("stream") == 1, stream: stream)
    if let queue = number("queue") {
      end.id = Int32(queue)
    } else if let set = number("set") {
      end.id = Int32(set)
      end.segment = number("segment").map { Int32($0) }
    } else if let segment = number("segment") {
      end.segment = Int32(segment)
    } else {
      end.id = Self.firstDescriptor + Int32(descriptors.count)
      descriptors.append(transfer.descriptors[0])
    }
    return end
  }
}
