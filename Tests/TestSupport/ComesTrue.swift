import SystemCalls

/// Waits until a condition becomes true of which no event tells, such as the end of a thread. False: it took too long.
package func comesTrue(_ isTrue: () -> Bool) -> Bool {
  let deadline = Clock.now() + 40_000_000_000
  while !isTrue() {
    if Clock.now() > deadline { return false }
    Clock.sleep(nanoseconds: 2_000_000)
  }
  return true
}
