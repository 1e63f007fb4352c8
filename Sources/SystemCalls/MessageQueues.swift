import CSystem
import Glibc

/// System V message queues (sysvipc(7)): private ones, which other processes find by id.
package enum MessageQueues {
  package struct Status: Sendable {
    package let object: SystemVObject
    package let messages: Int
    package let capacityBytes: Int
    /// Of the texts that wait.
    package let waitingBytes: Int
  }

  /// msgget(2): a new queue, for this user only.
  ///
  /// - Parameter key: By which ``msgget(key:)`` finds it; 0: by none.
  /// - Returns: Its id.
  package static func msgget(creating key: Int32 = 0) throws(SystemError) -> Int32 {
    try system(.msgget) { Glibc.msgget(key, SystemVObject.creating(key)) }
  }

  /// msgget(2) of a queue that exists.
  package static func msgget(key: Int32) throws(SystemError) -> Int32 {
    try system(.msgget) { Glibc.msgget(key, 0) }
  }

  /// msgctl(2) with IPC_RMID: removes a queue and all its messages; a waiting call fails with EIDRM.
  package static func msgctl(remove id: Int32) throws(SystemError) {
    try system(.msgctl, .queue(id)) { Glibc.msgctl(id, IPC_RMID, nil) }
  }

  /// msgctl(2) with IPC_STAT.
  package static func msgctl(status id: Int32) throws(SystemError) -> Status {
    var raw = msqid_ds()
    try system(.msgctl, .queue(id)) { unsafe Glibc.msgctl(id, IPC_STAT, &raw) }
    return Status(
      object: SystemVObject(
        key: raw.msg_perm.__key, owner: raw.msg_perm.cuid, changed: Int(raw.msg_ctime)),
      messages: Int(raw.msg_qnum), capacityBytes: Int(raw.msg_qbytes),
      waitingBytes: Int(raw.__msg_cbytes))
  }

  /// msgctl(2) with IPC_STAT and IPC_SET: sets how many bytes may wait. More than kernel.msgmnb takes CAP_SYS_RESOURCE.
  package static func msgctl(_ id: Int32, capacity bytes: Int) throws(SystemError) {
    var raw = msqid_ds()
    try system(.msgctl, .queue(id)) { unsafe Glibc.msgctl(id, IPC_STAT, &raw) }
    raw.msg_qbytes = msglen_t(bytes)
    try system(.msgctl, .queue(id)) { unsafe Glibc.msgctl(id, IPC_SET, &raw) }
  }

  /// msgsnd(2), with IPC_NOWAIT unless `wait`.
  ///
  /// - Parameters:
  ///   - buffer: The type (8 bytes), and the text behind it.
  ///   - count: The bytes of the text.
  package static func msgsnd(
    _ id: Int32, _ buffer: UnsafeRawPointer, count: Int, wait: Bool
  ) throws(SystemError) {
    try system(
      .msgsnd, .queue(id, bytes: count, type: unsafe buffer.loadUnaligned(as: Int.self), waits: wait)
    ) { unsafe csystem_msgsnd(id, buffer, count, wait ? 0 : Int32(IPC_NOWAIT)) }
  }

  /// msgrcv(2), with IPC_NOWAIT unless `wait`: takes the first message of `type` (0: of any).
  ///
  /// - Parameters:
  ///   - buffer: Room for the type (8 bytes) and `capacity` bytes of text.
  ///   - tries: How often an empty queue is read before ENOMSG is thrown.
  /// - Returns: The bytes of the text.
  package static func msgrcv(
    _ id: Int32, _ buffer: UnsafeMutableRawPointer, capacity: Int, type: Int, wait: Bool, tries: Int = 1
  ) throws(SystemError) -> Int {
    try system(.msgrcv, .queue(id, bytes: capacity, type: type, waits: wait), tries: tries) {
      unsafe csystem_msgrcv(id, buffer, capacity, type, wait ? 0 : Int32(IPC_NOWAIT))
    }
  }

  /// msgrcv(2) with MSG_NOERROR and IPC_NOWAIT: takes the first message, and loses what is over `capacity`.
  package static func msgrcv(
    dropping id: Int32, _ buffer: UnsafeMutableRawPointer, capacity: Int
  ) throws(SystemError) {
    try system(.msgrcv, .queue(id, bytes: capacity)) {
      unsafe csystem_msgrcv(id, buffer, capacity, 0, Int32(IPC_NOWAIT) | Int32(MSG_NOERROR))
    }
  }

  /// msgrcv(2) into no room: whether a message waits. E2BIG says that one does, and leaves it where it is. A message
  /// without a text fits and is taken: no channel sends one.
  package static func msgrcv(probe id: Int32) throws(SystemError) -> Bool {
    var type = 0
    do throws(SystemError) {
      try system(.msgrcv, .queue(id)) { unsafe csystem_msgrcv(id, &type, 0, 0, Int32(IPC_NOWAIT)) }
      return true
    } catch {
      if error.number == E2BIG { return true }
      if error.number == ENOMSG { return false }
      throw error
    }
  }
}
