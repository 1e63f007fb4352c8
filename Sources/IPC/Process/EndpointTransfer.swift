/// What a parent keeps of an end that it handed over, until the child has ended.
package final class Escrow {
  private let release: () -> Void
  package init(_ release: @escaping () -> Void) { self.release = release }
  deinit { release() }
}
