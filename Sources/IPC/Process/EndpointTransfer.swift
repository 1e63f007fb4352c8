/// The record of an endpoint on its way to a process that is about to be spawned.
@usableFromInline package struct EndpointTransfer {
  /// What the child needs besides descriptors.
  package let parameters: [(key: String, value: String)]
  /// The endpoint's descriptors. The endpoint still owns them.
  package let descriptors: [Int32]

  package init(parameters: [(key: String, value: String)] = [], descriptors: [Int32]) {
    self.parameters = parameters
    self.descriptors = descriptors
  }
}

/// An endpoint as the child finds it: descriptors under their new numbers, and the parent's parameters.
package struct InheritedEndpoint {
  let mechanism: Mechanism
  package let options: ChannelOptions
  let descriptors: [Int32]
  let parameters: [String: String]

  /// The number of the `index`-th descriptor, which the caller owns from now on.
  package func descriptor(_ index: Int) throws(ChannelError) -> Int32 {
    guard descriptors.indices.contains(index) else { throw missing("descriptor \(index)") }
    return descriptors[index]
  }

  func integer(_ key: String) throws(ChannelError) -> Int {
    guard let text = parameters[key], let value = Int(text) else { throw missing(key) }
    return value
  }

  private func missing(_ what: String) -> ChannelError {
    ChannelError(
      .system, .open, mechanism,
      "the passed endpoint lacks \(what): build both processes with the same version of this library")
  }
}
