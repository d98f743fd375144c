import Store
import Testing

@testable import Server

@Suite("Origins")
struct OriginsTests {
  private let origins = Origins(own: Origin(node: 5, boot: 2))

  @Test("the node's own start is number 0, and each other one has a number of its own")
  func numbers() {
    #expect(origins.intern(Origin(node: 5, boot: 2)) == origins.ownID)
    let first = origins.intern(Origin(node: 5, boot: 1))
    let other = origins.intern(Origin(node: 4, boot: 2))
    #expect(Set([origins.ownID, first, other]).count == 3)
    #expect(origins.intern(Origin(node: 5, boot: 1)) == first)
    #expect(origins[other] == Origin(node: 4, boot: 2) && origins[origins.ownID] == origins.own)
  }

  @Test("origins are ordered by node, then by boot, as stamps are")
  func order() {
    let sorted = [(1, 1), (1, 2), (4, 9), (5, 0), (5, 2), (UInt64.max, 0)].map {
      Origin(node: $0.0, boot: $0.1)
    }
    let numbers = sorted.reversed().map { origins.intern($0) }.reversed() as [OriginID]
    for left in sorted.indices {
      for right in sorted.indices {
        #expect(origins.isBefore(numbers[left], numbers[right]) == (left < right))
        let stamps = [left, right].map {
          Stamp(hybridTime: 1, node: sorted[$0].node, boot: sorted[$0].boot, sequence: 1)
        }
        #expect((stamps[0] < stamps[1]) == (left < right))
      }
    }
  }
}
