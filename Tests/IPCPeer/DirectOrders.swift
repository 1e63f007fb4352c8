import IPC

/// Orders on kernel objects without a channel, which the test names by their ids.
enum DirectOrders {
  /// Executes an order and returns its answer; nil if it isn't one of these.
  static func run(_ verb: String, _ words: [String]) throws(ChannelError) -> String? {
    let numbers = words.map { Int($0) ?? 0 }
    switch verb {
    case "queue-create":
      return "\(try MessageQueue.create().id)"
    case "queue-send":
      for _ in 0..<numbers[2] { try queue(numbers).send(words[3], type: numbers[1]) }
      return "ok"
    case "queue-receive":
      let message = try queue(numbers).receive(type: numbers[1])
      return "\(message.type) \(message.text)"
    case "semaphore-wait":
      try set(numbers).wait(numbers[1], undo: words.contains("undo"))
      return "ok"
    case "semaphore-wait-within":
      try set(numbers).wait(numbers[1], within: .milliseconds(numbers[2]))
      return "ok"
    case "semaphore-post":
      try set(numbers).post(numbers[1], undo: words.contains("undo"))
      return "ok"
    case "memory-set":
      let memory = try SharedMemory.open(id: Int32(numbers[0]))
      memory[numbers[1]] = UInt64(numbers[2])
      return "ok"
    case "memory-wait":
      let memory = try SharedMemory.open(id: Int32(numbers[0]))
      while memory[numbers[1]] != UInt64(numbers[2]) {}
      return "\(memory.words)"
    case "descriptor-send":
      try DescriptorSocket(inherited: words[0]).send(opening: words[1])
      return "ok"
    case "descriptor-receive":
      return try DescriptorSocket(inherited: words[0]).receiveText()
    default: return nil
    }
  }

  private static func queue(_ numbers: [Int]) throws(ChannelError) -> MessageQueue {
    try MessageQueue.open(id: Int32(numbers[0]))
  }

  private static func set(_ numbers: [Int]) throws(ChannelError) -> SemaphoreSet {
    try SemaphoreSet.open(id: Int32(numbers[0]))
  }
}
