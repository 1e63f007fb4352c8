/// Where ours is meant to differ from Python's: why, and what it does instead, which is held to just as strictly. What
/// Python does is in the record.
struct PEPDifference: Sendable, CustomStringConvertible {
  let name: String
  let reason: String
  let trace: String

  var description: String { name }

  static let all: [PEPDifference] = [
    PEPDifference(
      name: "loop_over_an_error",
      reason: "a Sequence's next() can't throw: the loop ends, and the error is in failure",
      trace: "made; loop yields 1 failure Alarm [got None, finally]; next ended; left ended"),
    PEPDifference(
      name: "close_and_catch_all",
      reason: "Swift's errors have no base class that a bare catch leaves out: it takes a GeneratorExit too",
      trace: "made; next yields 1; close raises ignoredExit [caught]; next return None; left ended"),
    PEPDifference(
      name: "delete_raises_another_error",
      reason: "there is no hook for errors that can't be caught: what a deinit meets is dropped",
      trace: "made; next yields 1; delete [instead of GeneratorExit]; gone"),
    PEPDifference(
      name: "delete_ignored_once",
      reason: "a function's variables can't be taken from it: it is asked again until it ends, up to a limit",
      trace: "made; next yields 1; delete [exit, exit]; gone"),
    PEPDifference(
      name: "sequence_send",
      reason: "a sequence takes nothing, and a value for it is ignored: Python misses the method",
      trace: "made; next yields 1; send 5 yields 2; next yields 40 [from gave None]; "
        + "next return 50 [outer got None]; left ended"),
    PEPDifference(
      name: "from_one_exhausted", reason: resultStays,
      trace: "made; other.loop yields 1 2 3 [inner got None, inner got None, inner got None, inner finally]; "
        + "next yields 20 [from gave 10]; next return 30 [outer got None, outer finally]; left ended"),
    PEPDifference(
      name: "from_one_exhausted_meanwhile", reason: resultStays,
      trace: "made; next yields 1; "
        + "other.loop yields 2 3 [inner got None, inner got None, inner got None, inner finally]; "
        + "next yields 20 [from gave 10]; next return 30 [outer got None, outer finally]; left ended"),
    PEPDifference(
      name: "from_one_shared_by_two", reason: resultStays,
      trace: "made; next yields 1; other.next yields 2 [inner got None]; send 5 yields 3 [inner got 5]; "
        + "other.send 6 yields 40 [inner got 6, inner finally, from gave 10]; "
        + "next yields 40 [from gave 10]; other.next return 50 [outer got None]; left alive"),
    PEPDifference(
      name: "from_one_closed", reason: noValue,
      trace: "made; other.close done; next raises hasEnded [outer finally]; next ended; left ended"),
    PEPDifference(
      name: "from_one_failed", reason: noValue,
      trace: "made; other.next yields 1; other.throw Breakdown raises Breakdown [inner finally]; "
        + "next raises hasEnded [outer finally]; next ended; left ended"),
    PEPDifference(
      name: "from_one_closed_meanwhile", reason: noValue,
      trace: "made; next yields 1; other.close done [inner finally]; "
        + "next raises hasEnded [outer finally]; next ended; left ended"),
    PEPDifference(
      name: "from_one_closed_meanwhile_send", reason: noValue,
      trace: "made; next yields 1; other.close done [inner finally]; "
        + "send 5 raises hasEnded [outer finally]; next ended; left ended"),
    PEPDifference(
      name: "from_one_closed_meanwhile_caught", reason: noValue,
      trace: "made; next yields 1; other.close done [inner finally]; "
        + "next yields 40 [outer caught hasEnded]; next return 50 [outer got None]; left ended"),
  ]

  private static let resultStays =
    "a generator keeps what it returned: Python gives it once, and None from then on"
  private static let noValue =
    "a type of result that has no None has nothing to give for one that never returned"
}
