import Testing

/// Contains every suite of this target, so that one test runs at a time: each checks that it leaves nothing behind.
@Suite(.serialized) struct AllIPCActorsTests {}
