/// What is to happen, in the order of virtual time; what is due at one moment happens in the order in
/// which it was scheduled.
///
/// A binary heap of small keys, beside it the events themselves: sifting moves 24 bytes and counts no
/// references.
struct EventQueue {
  private struct Key {
    let time: UInt64
    let order: UInt64
    let slot: Int

    func isBefore(_ other: Key) -> Bool {
      time != other.time ? time < other.time : order < other.order
    }
  }

  private var heap: [Key] = []
  private var events: [WorldEvent] = []
  private var free: [Int] = []
  private var nextOrder: UInt64 = 0

  var isEmpty: Bool { heap.isEmpty }
  /// The moment of the next event, in nanoseconds of virtual time.
  var nextTime: UInt64? { heap.first?.time }

  mutating func add(_ event: WorldEvent, at time: UInt64) {
    let slot: Int
    if let reused = free.popLast() {
      slot = reused
      events[slot] = event
    } else {
      slot = events.count
      events.append(event)
    }
    heap.append(Key(time: time, order: nextOrder, slot: slot))
    nextOrder += 1
    rise(heap.count - 1)
  }

  mutating func next() -> (time: UInt64, event: WorldEvent)? {
    guard let first = heap.first else { return nil }
    let last = heap.removeLast()
    if !heap.isEmpty {
      heap[0] = last
      sink(0)
    }
    let event = events[first.slot]
    events[first.slot] = .none
    free.append(first.slot)
    return (first.time, event)
  }

  private mutating func rise(_ start: Int) {
    var index = start
    let key = heap[index]
    while index > 0 {
      let parent = (index - 1) / 2
      guard key.isBefore(heap[parent]) else { break }
      heap[index] = heap[parent]
      index = parent
    }
    heap[index] = key
  }

  private mutating func sink(_ start: Int) {
    var index = start
    let key = heap[index]
    while true {
      var child = 2 * index + 1
      guard child < heap.count else { break }
      if child + 1 < heap.count, heap[child + 1].isBefore(heap[child]) { child += 1 }
      guard heap[child].isBefore(key) else { break }
      heap[index] = heap[child]
      index = child
    }
    heap[index] = key
  }
}
