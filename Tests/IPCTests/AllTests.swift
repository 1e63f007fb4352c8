import Testing

/// Every suite of this target stands in this one, so that one test runs at a time: each checks that the process
/// has left nothing behind.
@Suite(.serialized) struct AllTests {}
