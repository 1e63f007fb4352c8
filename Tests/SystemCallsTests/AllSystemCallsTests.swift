import TestSupport
import Testing

/// Contains every suite of this target, so that one test runs at a time: a fault plan is for the whole process.
@Suite(.serialized, .watched, .leavesNothing()) struct AllSystemCallsTests {}
