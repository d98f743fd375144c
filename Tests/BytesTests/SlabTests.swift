import Bytes
import Testing

@Suite("Slab")
struct SlabTests {
  /// Says when it is gone.
  private final class Witness {
    let gone: Counter
    init(_ gone: Counter) { self.gone = gone }
    deinit { gone.value += 1 }
  }

  private final class Counter {
    var value = 0
  }

  private struct Only: ~Copyable {
    var number: Int
    let witness: Witness?

    init(_ number: Int, _ witness: Witness? = nil) {
      self.number = number
      self.witness = witness
    }
  }

  @Test("a new slab holds nothing, and no slot is occupied")
  func empty() {
    let slab = Slab<Only>()
    #expect(slab.count == 0 && slab.slotLimit == 0)
    for slot in [-1, 0, 1, 255, .max] { #expect(slab.contains(slot) == false) }
  }

  @Test("slots are numbered from 0, and hold what was put there")
  func insertion() {
    var slab = Slab<Only>()
    for number in 0..<1000 { #expect(slab.insert(Only(number)) == number) }
    for number in 0..<1000 { #expect(slab[number].number == number) }
    #expect(slab.count == 1000 && slab.slotLimit == 1000)
    #expect(slab.contains(1000) == false)
  }

  @Test("values stay at their address while the slab grows")
  func addresses() {
    var slab = Slab<Only>()
    let slot = slab.insert(Only(1))
    let before = withUnsafePointer(to: &slab[slot]) { UInt(bitPattern: $0) }
    for number in 0..<5000 { _ = slab.insert(Only(number)) }
    #expect(withUnsafePointer(to: &slab[slot]) { UInt(bitPattern: $0) } == before)
  }

  @Test("a removed value is handed out, and its slot is used again before a new one")
  func reuse() {
    var slab = Slab<Only>()
    for number in 0..<10 { _ = slab.insert(Only(number)) }
    #expect(slab.remove(4).number == 4)
    #expect(slab.contains(4) == false)
    #expect(slab.count == 9 && slab.slotLimit == 10)
    #expect(slab.insert(Only(40)) == 4)
    #expect(slab.insert(Only(50)) == 10)
    #expect(slab[4].number == 40)
  }

  @Test("values are changed in place")
  func changes() {
    var slab = Slab<Only>()
    let slot = slab.insert(Only(1))
    slab[slot].number += 41
    #expect(slab[slot].number == 42)
  }

  @Test("each value is destroyed once: when it is removed, or with the slab")
  func destruction() {
    let gone = Counter()
    do {
      var slab = Slab<Only>()
      for number in 0..<300 { _ = slab.insert(Only(number, Witness(gone))) }
      for slot in stride(from: 0, to: 300, by: 3) { _ = slab.remove(slot) }
      #expect(gone.value == 100)
      _ = slab.insert(Only(0, Witness(gone)))
    }
    #expect(gone.value == 301)
  }

  @Test("it behaves as a dictionary of slots does", arguments: [1, 2, 3] as [UInt64])
  func model(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    var slab = Slab<Only>()
    var model: [Int: Int] = [:]
    for step in 0..<20_000 {
      // Grows for a while, then shrinks.
      let grows = step % 4000 < 2000 ? 70 : 30
      if random.next(below: 100) < UInt64(grows) || model.isEmpty {
        let slot = slab.insert(Only(step))
        #expect(model[slot] == nil, "an occupied slot was given out")
        model[slot] = step
      } else {
        let slot = Int(random.next(below: UInt64(slab.slotLimit)))
        #expect(slab.contains(slot) == (model[slot] != nil))
        if let expected = model.removeValue(forKey: slot) {
          #expect(slab.remove(slot).number == expected)
        }
      }
      if slab.count != model.count { Issue.record("\(slab.count) values, not \(model.count)") }
    }
    for (slot, number) in model { #expect(slab[slot].number == number) }
  }
}
