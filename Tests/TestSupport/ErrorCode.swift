package import IPC

/// The code of the error that `body` throws; nil when it throws none.
package func code(_ body: () throws(ChannelError) -> Void) -> ChannelError.Code? {
  do throws(ChannelError) {
    try body()
    return nil
  } catch {
    return error.code
  }
}
