/// Timers ordered by time: a binary heap.
struct TimerHeap {
  private struct Entry {
    let at: UInt64
    let id: UInt64
  }

  private var heap: [Entry] = []
  private var callbacks: [UInt64: EventLoop.Callback] = [:]
  private var nextID: UInt64 = 1

  mutating func add(at: UInt64, _ callback: @escaping EventLoop.Callback) -> UInt64 {
    let id = nextID
    nextID += 1
    callbacks[id] = callback
    heap.append(Entry(at: at, id: id))
    var child = heap.count - 1
    while child > 0, heap[(child - 1) / 2].at > heap[child].at {
      heap.swapAt((child - 1) / 2, child)
      child = (child - 1) / 2
    }
    return id
  }

  mutating func cancel(_ id: UInt64) {
    callbacks[id] = nil
    // Entries of cancelled timers are removed when they are due, or when they are more than half of all.
    if heap.count > 64, heap.count > 2 * callbacks.count {
      heap = heap.filter { callbacks[$0.id] != nil }.sorted { $0.at < $1.at }
    }
  }

  /// When the next timer fires.
  var next: UInt64? { heap.first?.at }

  /// Removes and returns the timers that are due; drops cancelled ones.
  mutating func due(_ now: UInt64) -> [EventLoop.Callback] {
    var due: [EventLoop.Callback] = []
    while let first = heap.first, first.at <= now {
      removeFirst()
      if let callback = callbacks.removeValue(forKey: first.id) { due.append(callback) }
    }
    return due
  }

  private mutating func removeFirst() {
    let last = heap.removeLast()
    guard !heap.isEmpty else { return }
    heap[0] = last
    var parent = 0
    while true {
      var least = parent
      for child in [2 * parent + 1, 2 * parent + 2]
      where child < heap.count && heap[child].at < heap[least].at {
        least = child
      }
      if least == parent { return }
      heap.swapAt(parent, least)
      parent = least
    }
  }
}
