import Bytes
import Store
import Testing

@Suite("Record") struct RecordTests {
  @Test("a record says what it was made of")
  func roundTrip() {
    let image = RecordImage(
      table: 7, key: [0, 1, 255], value: Array("{\"a\":1}".utf8), version: 9,
      hybridTime: 5 << 16 | 3, sequence: 77, origin: .max, owner: .max - 1)
    let record = image.record()
    check(RecordImage(record.view) == image)
    check(record.view.milliseconds == 5)
    check(record.view.byteCount == 40 + 3 + 7)
  }

  @Test("a tombstone has no value, and an empty value is no tombstone")
  func tombstone() {
    let dead = RecordImage(key: [1], value: nil).record()
    check(dead.view.isTombstone)
    check(dead.view.value.isEmpty)
    let empty = RecordImage(key: [1], value: []).record()
    check(!empty.view.isTombstone)
    check(empty.view.value.isEmpty)
  }

  @Test("the fields hold the greatest values that the header has room for")
  func limits() {
    let image = RecordImage(
      table: .max, key: Array(repeating: 0xff, count: Record.keyBytesMax),
      value: Array(repeating: 0xff, count: 1 << 20), version: Record.versionMax,
      hybridTime: .max, sequence: .max, origin: .max, owner: .max)
    let record = image.record()
    check(RecordImage(record.view) == image)
    check(Record.versionMax == 4_503_599_627_370_495)
    check(Record.keyBytesMax == 4095)
    check(Record.valueBytesMax == 2_147_483_647)
  }

  @Test("an empty key is a key")
  func emptyKey() {
    let image = RecordImage(key: [], value: [1])
    check(RecordImage(image.record().view) == image)
  }
}
