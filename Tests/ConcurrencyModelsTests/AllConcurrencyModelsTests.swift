import Testing

/// Every suite of this target stands in this one, so that one test runs at a time: they look what is left behind.
@Suite(.serialized) struct AllConcurrencyTests {}
