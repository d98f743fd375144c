/// Slots in the order in which they came.
struct SlotQueue {
  private var slots: [Int] = []
  private var head = 0

  mutating func push(_ slot: Int) { slots.append(slot) }

  mutating func pop() -> Int? {
    guard head < slots.count else { return nil }
    defer {
      head += 1
      // Moved to the front once for each time that half of it was used: constant cost a slot.
      if head >= 256, head * 2 >= slots.count {
        slots.removeFirst(head)
        head = 0
      }
    }
    return slots[head]
  }

  var isEmpty: Bool { head == slots.count }
}
