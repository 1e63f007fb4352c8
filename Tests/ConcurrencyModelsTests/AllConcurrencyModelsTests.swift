import Testing

/// Every suite of this target is in this one, so that one test runs at a time: the watchdog watches one.
@Suite(.serialized) struct AllConcurrencyModelsTests {}
