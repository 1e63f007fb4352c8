/// A demo: one side of the conversation is `run`, the other process is this program again with `other`.
package protocol Demo: SendableMetatype {
  static var name: String { get }
  static var summary: String { get }
  /// The process that the reader started.
  static func run() throws
  /// The process that it starts; `role` tells them apart where there are several.
  static func other(_ role: String) throws
}

/// Every demo there is.
package enum DemoCatalogue {
  package static let all: [any Demo.Type] = []
}
