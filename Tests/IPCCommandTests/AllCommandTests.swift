import TestSupport
import Testing

/// Every suite of this target is in this one, so that one test runs at a time: they start processes, kill some, and
/// look for what is left of them. Descriptors of this process are left out: Foundation keeps some for each thread that
/// starts a process.
@Suite(.serialized, .leavesNothing([.systemV, .files, .children])) struct AllCommandTests {}
