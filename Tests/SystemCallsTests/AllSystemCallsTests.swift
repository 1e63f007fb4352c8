import Testing

/// Every suite of this target stands in this one: faults are the whole process's, so one test runs at a time.
@Suite(.serialized) struct AllSystemCallsTests {}
