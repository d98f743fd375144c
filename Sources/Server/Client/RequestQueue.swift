import Bytes
import HTTP

/// A request that waits for its response.
struct RequestInFlight {
  let tag: UInt64
  let method: Method
  /// Where its bytes begin and end, counted from the first byte the connection ever sent.
  var begin: UInt64
  var end: UInt64
  /// By when it must be answered.
  var deadline: Instant
  /// Its caller was told that its time is up; the response will be read and dropped.
  var isAbandoned = false
}

/// The requests of one connection, in the order in which their responses come.
struct RequestQueue {
  // The entries before `first` are gone; they are cut off when they are as many as the others.
  private var entries: [RequestInFlight] = []
  private var first = 0

  var count: Int { entries.count - first }
  var isEmpty: Bool { count == 0 }

  subscript(index: Int) -> RequestInFlight {
    get { entries[first + index] }
    set { entries[first + index] = newValue }
  }

  mutating func push(_ request: RequestInFlight) { entries.append(request) }

  mutating func pop() -> RequestInFlight? {
    guard first < entries.count else { return nil }
    let request = entries[first]
    first += 1
    if first == entries.count {
      entries.removeAll(keepingCapacity: true)
      first = 0
    } else if first >= 64, first * 2 >= entries.count {
      entries.removeFirst(first)
      first = 0
    }
    return request
  }

  mutating func remove(at index: Int) -> RequestInFlight { entries.remove(at: first + index) }
}
