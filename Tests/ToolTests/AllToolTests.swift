import Testing

/// Every suite of this target stands in this one, so that one test runs at a time: they start processes, kill some,
/// and look what is left of them.
@Suite(.serialized, .leavesNothing) struct AllToolTests {}
