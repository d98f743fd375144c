import Bytes
import Durability
import Simulation
import Testing

@Suite("Checkpoint block")
struct CheckpointBlockTests {
  private let keyring = Fixed.keyring()

  private func seal(
    _ entries: [UInt8], id: Int64, bits: UInt8, with sealer: inout CheckpointSealer
  ) -> [UInt8] {
    var row = ByteBuffer()
    sealer.seal(entries.span, id: id, blockBits: bits, into: &row)
    return row.copied()
  }

  private var ceiling: [UInt8] {
    var buffer = ByteBuffer()
    LogEntry.appendClockCeiling(0x0102_0304, into: &buffer)
    return buffer.copied()
  }

  @Test("rows have these bytes")
  func golden() {
    var sealer = CheckpointSealer(keyring: keyring, random: Fixed.counting())
    let salt = hex(Array(0..<32))
    let first = seal(
      ceiling, id: CheckpointBlock.id(shard: 5, block: 6), bits: 3, with: &sealer)
    #expect(
      hex(first) == "01" + "03" + "0000" + "01000000" + "0000000000000000" + salt
        + "58628f762490d0d98b14d83eef7192bd08619aa59d6ded478032f47812")
    let second = seal([], id: CheckpointBlock.id(shard: 7, block: 0), bits: 0, with: &sealer)
    #expect(
      hex(second) == "01" + "00" + "0000" + "01000000" + "0100000000000000" + salt
        + "59dea00d40c2823e1b1896fe4965a5bc")
  }

  @Test("the number of a row names its shard and block")
  func id() {
    let id = CheckpointBlock.id(shard: 1023, block: .max)
    #expect(id == 1023 << 32 | 0xffff_ffff)
    #expect(CheckpointBlock.shard(ofID: id) == 1023)
    #expect(CheckpointBlock.block(ofID: id) == .max)
  }

  @Test("rows of many runs open again, in any order")
  func roundTrip() throws {
    var rows: [(id: Int64, row: [UInt8], entries: [UInt8])] = []
    for run in 0..<100 {
      var sealer = CheckpointSealer(keyring: keyring, random: Fixed.seeded(UInt64(run)))
      for block in 0..<3 {
        let id = CheckpointBlock.id(shard: (run * 7) % 100, block: UInt32(block))
        let entries = [UInt8](repeating: UInt8(run), count: run * 5 + block)
        rows.append((id, seal(entries, id: id, bits: UInt8(block), with: &sealer), entries))
      }
    }
    rows.sort { $0.id < $1.id }
    var opener = CheckpointOpener(keyring: keyring)
    for row in rows {
      var entries = ByteBuffer()
      let bits = try opener.open(row.row.span, id: row.id, into: &entries)
      #expect(entries.copied() == row.entries)
      #expect(UInt32(bits) == CheckpointBlock.block(ofID: row.id))
    }
  }

  @Test("a row with any bit changed is refused, by its number")
  func flipped() {
    var sealer = CheckpointSealer(keyring: keyring, random: Fixed.counting())
    let row = seal(ceiling, id: 77, bits: 1, with: &sealer)
    for index in row.indices {
      var changed = row
      changed[index] ^= 4
      var opener = CheckpointOpener(keyring: keyring)
      var entries = ByteBuffer()
      #expect(throws: CheckpointError.self) {
        do {
          _ = try opener.open(changed.span, id: 77, into: &entries)
        } catch CheckpointError.damaged(let id) {
          #expect(id == 77)
          throw CheckpointError.damaged(row: id)
        }
      }
      #expect(entries.count == 0)
    }
  }

  @Test("a row that was cut off, or moved to another number, is refused")
  func moved() {
    var sealer = CheckpointSealer(keyring: keyring, random: Fixed.counting())
    let row = seal(ceiling, id: 77, bits: 1, with: &sealer)
    var opener = CheckpointOpener(keyring: keyring)
    var entries = ByteBuffer()
    #expect(throws: CheckpointError.damaged(row: 78)) {
      _ = try opener.open(row.span, id: 78, into: &entries)
    }
    for count in 0..<row.count {
      #expect(throws: CheckpointError.damaged(row: 77)) {
        _ = try opener.open(Array(row.prefix(count)).span, id: 77, into: &entries)
      }
    }
    #expect(entries.count == 0)
  }

  @Test("a row of an unknown data key says which key is missing")
  func unknownKey() {
    var sealer = CheckpointSealer(keyring: keyring, random: Fixed.counting())
    var row = seal(ceiling, id: 77, bits: 1, with: &sealer)
    row[4] = 9
    var opener = CheckpointOpener(keyring: keyring)
    var entries = ByteBuffer()
    #expect(throws: CheckpointError.keyring(row: 77, .unknownKey(9))) {
      _ = try opener.open(row.span, id: 77, into: &entries)
    }
  }

  @Test("a row adds 64 bytes to its entries")
  func overhead() {
    var sealer = CheckpointSealer(keyring: keyring)
    #expect(seal(ceiling, id: 1, bits: 0, with: &sealer).count == ceiling.count + 64)
    #expect(CheckpointBlock.overhead == 64)
  }
}
