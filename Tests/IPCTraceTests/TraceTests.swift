import IPCTrace
import Testing

struct TraceTests {
  @Test func aNoteWithoutARecordingMakesNoText() {
    var made = 0
    func text() -> String {
      made += 1
      return ""
    }
    Trace.note(text())
    #expect(made == 0 && !Trace.isOn)
  }
}
