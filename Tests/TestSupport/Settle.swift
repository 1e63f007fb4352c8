/// Gives other tasks and threads some time to come to where they wait: no more than a hint, on which no test depends.
package func settle() async {
  for _ in 0..<50 { await Task.yield() }
  try? await Task.sleep(for: .milliseconds(5))
}
