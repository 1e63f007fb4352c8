// A select is over channels of both kinds: who has the one has the other.
@_exported public import ConcurrencyModels
