import Foundation
import SystemCalls

/// The processes of this machine, from /proc.
enum ProcessTable {
  /// Children of a process whose arguments hold a word.
  static func children(of parent: Int32, with word: String) -> [Int32] {
    let names = (try? Files.names(in: "/proc")) ?? []
    return names.compactMap { Int32($0) }.filter { id in
      stat(id)?.parent == parent && arguments(id).contains(word)
    }
  }

  /// The workers of the crawl that a tool runs: children of the process that coordinates it.
  static func crawlWorkers(of tool: Int32, with word: String = "--crawl-worker") -> [Int32] {
    children(of: tool, with: "--crawl-coordinator").flatMap { children(of: $0, with: word) }
  }

  static func arguments(_ id: Int32) -> [String] {
    ((try? Files.readText("/proc/\(id)/cmdline")) ?? "").split(separator: "\0").map(String.init)
  }

  /// Whether it still runs; one that only waits to be reaped doesn't.
  static func isAlive(_ id: Int32) -> Bool {
    guard let state = stat(id)?.state else { return false }
    return state != "Z" && state != "X"
  }

  /// How many sockets it has open.
  static func sockets(of id: Int32) -> Int {
    let names = (try? Files.names(in: "/proc/\(id)/fd")) ?? []
    return names.count { name in
      let target = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(id)/fd/\(name)")
      return target?.hasPrefix("socket:") ?? false
    }
  }

  private static func stat(_ id: Int32) -> (state: String, parent: Int32)? {
    guard let text = try? Files.readText("/proc/\(id)/stat"), let name = text.lastIndex(of: ")") else {
      return nil
    }
    // Behind the name, which may hold anything.
    let fields = text[name...].dropFirst(2).split(separator: " ")
    guard fields.count > 1, let parent = Int32(fields[1]) else { return nil }
    return (String(fields[0]), parent)
  }
}

/// TCP connections, from /proc/net/tcp.
enum Connections {
  /// How many clients a process that listens has.
  static func served(by process: Int32) -> Int {
    let sockets = Set(
      ((try? Files.names(in: "/proc/\(process)/fd")) ?? []).compactMap { name in
        try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(process)/fd/\(name)")
      })
    let rows = ((try? Files.readText("/proc/net/tcp")) ?? "").split(separator: "\n").dropFirst()
      .map { $0.split(separator: " ") }.filter { $0.count > 9 && sockets.contains("socket:[\($0[9])]") }
    // 0A: it listens; 01: it is connected.
    let listening = Set(rows.filter { $0[3] == "0A" }.map { $0[1] })
    return rows.count { $0[3] == "01" && listening.contains($0[1]) }
  }
}
