import SystemCalls

/// Records what this process does on its channels, and reads what processes have recorded.
///
/// A process of this library records from its begin if the environment variable `IPC_TRACE` names a folder; the processes that
/// it starts inherit that. ``start(in:events:payloadBytes:)`` does the same at run time, for this process alone.
///
/// Source: `Sources/IPCTrace`, and the hooks in `Sources/SystemCalls/Trace`.
public enum Trace {
  /// Whether this process records.
  public static var isOn: Bool { Tracer.isOn }

  /// Notes something in the trace, beside what the library records: what the program is about to do, say. Without a recording
  /// it does nothing, and doesn't make the text.
  public static func note(_ text: @autoclosure () -> String) {
    if Tracer.isOn { Tracer.record(.note, text: text()) }
  }
}
