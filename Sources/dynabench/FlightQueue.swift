/// The requests of one connection that wait for their answers, which come in the same order.
///
/// A ring of fixed memory: `capacity` times 16 bytes.
struct FlightQueue: ~Copyable {
  /// A request on its way.
  struct Flight {
    /// Which request of its source it is.
    let tag: Int
    /// When it was sent, or in an open loop should have been; nanoseconds of the monotonic clock.
    let due: UInt64
  }

  private var ring: [Flight]
  private var head = 0
  private(set) var count = 0

  init(capacity: Int) {
    ring = [Flight](repeating: Flight(tag: 0, due: 0), count: capacity)
  }

  var hasRoom: Bool { count < ring.count }
  var isEmpty: Bool { count == 0 }

  mutating func push(_ flight: Flight) {
    precondition(hasRoom, "more in flight than the pipeline is deep")
    var place = head + count
    if place >= ring.count { place -= ring.count }
    ring[place] = flight
    count += 1
  }

  mutating func pop() -> Flight? {
    guard count > 0 else { return nil }
    let flight = ring[head]
    head += 1
    if head == ring.count { head = 0 }
    count -= 1
    return flight
  }
}
