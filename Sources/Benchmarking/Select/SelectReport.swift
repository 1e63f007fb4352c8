package import Measurement

/// The results of a task that selects over a channel of each mechanism and a timer, all of them under load: whether each
/// gets its share, and whether every message arrives once and in order.
package struct SelectReport: Sendable, Encodable {
  /// One channel.
  package struct Line: Sendable, Encodable {
    package let mechanism: String
    package internal(set) var received = 0
    /// Numbers that didn't arrive.
    package internal(set) var lost = 0
    /// Numbers that arrived again, or after a later one.
    package internal(set) var doubled = 0
    /// What was received, divided by the mean of all channels.
    package internal(set) var share = 0.0

    var next: UInt64 = 0

    enum CodingKeys: String, CodingKey { case mechanism, received, lost, doubled, share }

    mutating func take(_ number: UInt64) {
      received += 1
      if number < next { return doubled += 1 }
      lost += Int(number - next)
      next = number + 1
    }
  }

  /// The timer, which sends into a channel between tasks.
  package struct Timer: Sendable, Encodable {
    package let everyMicroseconds: Int
    /// How many times it fired, and how many of them the select received.
    package let rang: Int
    package let received: Int
    /// From the timer's instant until the select received it, in microseconds.
    package let lateP50: Double
    package let lateP99: Double
    package let lateMax: Double

    enum CodingKeys: String, CodingKey {
      case rang, received
      case everyMicroseconds = "every_us"
      case lateP50 = "late_p50_us"
      case lateP99 = "late_p99_us"
      case lateMax = "late_max_us"
    }
  }

  /// A share of less isn't fair.
  private static let leastShare = 0.5

  package let machine: MachineDescription
  package let seconds: Double
  package internal(set) var channels: [Line]
  package let timer: Timer

  /// Whether every channel had at least half its share, and nothing was lost or duplicated.
  package var isFair: Bool {
    channels.allSatisfy { $0.share >= Self.leastShare && $0.lost == 0 && $0.doubled == 0 }
      && timer.rang == timer.received
  }

  /// For a person.
  package func table(_ layout: TextLayout) -> String {
    var table = Table(
      [
        ("channel", .left), ("received", .right), ("per second", .right), ("share", .right), ("", .left),
        ("lost", .right), ("duplicated", .right),
      ], leastImportant: ["per second"])
    let largest = channels.map(\.share).max() ?? 1
    for line in channels {
      table.add([
        line.mechanism, Figure.grouped(line.received), Figure.short(Double(line.received) / seconds),
        "\(Figure.fixed(line.share * 100, 0)) %", Figure.bar(line.share, of: largest, width: 10),
        "\(line.lost)", "\(line.doubled)",
      ])
    }
    let late = Figure.time(microseconds: timer.lateP50)
    let latest = Figure.time(microseconds: timer.lateMax)
    let text =
      "\n\nshare: messages received, relative to the mean of all channels; lost, duplicated: messages that didn't arrive, or twice.\nThe timer fired \(Figure.grouped(timer.rang)) times; the select received \(Figure.grouped(timer.received)) of them, in the median \(late) late (at most \(latest)).\n"
      + (isFair
        ? "Fair: every channel had at least half its share, and nothing was lost or duplicated."
        : "Not fair: a channel had less than half its share, or messages were lost or duplicated.")
    return table.text(layout) + layout.wrapped(text)
  }
}
