package import SystemCalls

/// Pipes: pipe2(2), for processes that are related; an end is handed over when a process is spawned. Also `pipe:3`,
/// a descriptor that this process inherited under that number, which is how a program started by another joins.
package enum PipeMechanism: MechanismImplementation {
  package static let mechanism = Mechanism.pipe

  package static let traits = MechanismTraits(
    summary: "bytes between related processes; the kernel tells each side when the other is gone",
    addressForm: "pipe: or pipe:DESCRIPTOR", systemCalls: ["pipe2", "writev", "read", "poll"],
    manySenders: true, manyReceivers: false, named: false,
    caveat: "several senders need ?senders=many, which sends in parts of 4096 bytes")

  /// PIPE_BUF: what the kernel writes whole, whoever else writes.
  package static let atomicBytes = 4096

  package static func carrier(
    _ mechanism: Mechanism, _ descriptor: consuming Descriptor, _ options: ChannelOptions,
    kind: DescriptorCarrier.Kind = .pipe, senders: ChannelOptions.Sharing, onClose: @escaping () -> Void = {}
  ) -> DescriptorCarrier {
    let alone = (options.senders ?? senders) == .one
    return DescriptorCarrier(
      mechanism, descriptor, kind: kind, unitBytes: alone ? 1 << 16 : atomicBytes, isStream: alone,
      onClose: onClose)
  }

  package static func pair(_ options: ChannelOptions) throws(ChannelError) -> TransportPair {
    let ends = try translating(.open, mechanism) { () throws(SystemError) in try PipeEnds.pipe2() }
    try setCapacity(ends.writing, options, mechanism)
    return ends.take { reading, writing in
      TransportPair(
        FramedSender(mechanism, carrier(mechanism, writing, options, senders: .one), options),
        FramedReceiver(mechanism, carrier(mechanism, reading, options, senders: .one), options))
    }
  }

  package static func setCapacity(
    _ pipe: borrowing Descriptor, _ options: ChannelOptions, _ mechanism: Mechanism
  ) throws(ChannelError) {
    guard let bytes = options.capacityBytes else { return }
    do throws(SystemError) {
      try Streams.fcntl(pipe, pipeSize: Int32(clamping: bytes))
    } catch {
      throw ChannelError(
        .system, .open, mechanism,
        "no pipe of \(bytes) bytes: \(error.description); fs.pipe-max-size allows \(KernelLimit.number("fs/pipe-max-size"))",
        errno: error.number)
    }
  }

  private static func descriptor(_ address: Address) throws(ChannelError) -> Descriptor {
    guard let number = Int32(address.target), number >= 0 else {
      throw ChannelError(
        .notSupported, .open, mechanism,
        "a pipe has no name: make one with Channel.make and hand an end over, or write fifo:\(address.target)"
      )
    }
    return try translating(.open, mechanism, address.description) { () throws(SystemError) in
      let borrowed = Descriptor(owning: number)
      do throws(SystemError) {
        let mine = try borrowed.duplicate()
        _ = borrowed.release()
        return mine
      } catch {
        _ = borrowed.release()
        throw error
      }
    }
  }

  package static func openSender(
    _ address: Address, until deadline: Deadline
  ) throws(ChannelError) -> any SenderTransport {
    let carrier = carrier(mechanism, try descriptor(address), address.options, senders: .one)
    return FramedSender(mechanism, carrier, address.options)
  }

  package static func openReceiver(_ address: Address) throws(ChannelError) -> any ReceiverTransport {
    let carrier = carrier(mechanism, try descriptor(address), address.options, senders: .one)
    return FramedReceiver(mechanism, carrier, address.options)
  }

  package static func adoptSender(_ inherited: InheritedEndpoint) throws(ChannelError) -> any SenderTransport
  {
    try inherited.descriptorSender(.pipe)
  }

  package static func adoptReceiver(_ inherited: InheritedEndpoint) throws(ChannelError)
    -> any ReceiverTransport
  {
    try inherited.descriptorReceiver(.pipe)
  }

  package static func limits() -> [MechanismLimit] {
    [
      MechanismLimit("PIPE_BUF", atomicBytes, "bytes"),
      MechanismLimit("pipe size", 1 << 16, "bytes"),
      MechanismLimit("fs.pipe-max-size", KernelLimit.number("fs/pipe-max-size"), "bytes"),
    ]
  }
}
