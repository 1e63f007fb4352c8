import CSystem
import Glibc

/// The two descriptors of a pipe.
package struct PipeEnds: ~Copyable {
  package var reading: Descriptor
  package var writing: Descriptor

  /// pipe2(2), closed on exec.
  package static func pipe2() throws(SystemError) -> PipeEnds {
    let pair = unsafe try makingPair(.pipe2) { unsafe csystem_pipe2($0, O_CLOEXEC) }
    return PipeEnds(reading: Descriptor(owning: pair.0), writing: Descriptor(owning: pair.1))
  }

  private init(reading: consuming Descriptor, writing: consuming Descriptor) {
    self.reading = reading
    self.writing = writing
  }

  /// Takes the pair apart: the reading descriptor first.
  package consuming func take<Result: ~Copyable>(
    _ body: (consuming Descriptor, consuming Descriptor) -> Result
  ) -> Result {
    body(reading, writing)
  }
}
