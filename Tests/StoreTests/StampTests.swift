import Store
import Testing

@Suite("Stamp") struct StampTests {
  @Test("stamps order by time, node, boot and sequence, in this order")
  func order() {
    var stamps: [Stamp] = []
    for time in [1, 2] as [UInt64] {
      for node in [5, 9] as [UInt64] {
        for boot in [1, 2] as [UInt32] {
          for sequence in [3, 4] as [UInt64] {
            stamps.append(Stamp(hybridTime: time, node: node, boot: boot, sequence: sequence))
          }
        }
      }
    }
    for (leftIndex, left) in stamps.enumerated() {
      for (rightIndex, right) in stamps.enumerated() {
        #expect((left < right) == (leftIndex < rightIndex))
        #expect((left == right) == (leftIndex == rightIndex))
      }
    }
  }

  @Test("the milliseconds of a stamp are the upper 48 bits of its time")
  func milliseconds() {
    let stamp = Stamp(
      hybridTime: 1_618_880_821_123 << 16 | 77, node: 0, boot: 0, sequence: 0)
    #expect(stamp.milliseconds == 1_618_880_821_123)
  }
}
