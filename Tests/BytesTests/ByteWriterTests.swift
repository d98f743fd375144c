import Bytes
import Testing

@Suite("ByteWriter")
struct ByteWriterTests {
  @Test("whole numbers are written little-endian")
  func golden() {
    var buffer = ByteBuffer()
    buffer.appendUInt8(0x01)
    buffer.appendUInt16(0x0302)
    buffer.appendUInt32(0x0706_0504)
    buffer.appendUInt64(0x0f0e_0d0c_0b0a_0908)
    #expect(buffer.copied() == Array(1...15))
  }

  @Test("what is written reads back, at every alignment")
  func roundTrip() {
    var random = SeededRandom(seed: 13)
    for padding in 0..<8 {
      var buffer = ByteBuffer()
      buffer.append([UInt8](repeating: 0, count: padding))
      let numbers = (0..<50).map { _ in random.next() }
      for number in numbers {
        buffer.appendUInt64(number)
        buffer.appendUInt32(UInt32(truncatingIfNeeded: number))
        buffer.appendUInt16(UInt16(truncatingIfNeeded: number))
        buffer.appendUInt8(UInt8(truncatingIfNeeded: number))
      }
      var reader = ByteReader(buffer.span)
      _ = reader.skip(padding)
      for number in numbers {
        #expect(reader.readUInt64() == number)
        #expect(reader.readUInt32() == UInt32(truncatingIfNeeded: number))
        #expect(reader.readUInt16() == UInt16(truncatingIfNeeded: number))
        #expect(reader.readUInt8() == UInt8(truncatingIfNeeded: number))
      }
      #expect(reader.remaining == 0)
    }
  }

  @Test("four bytes are replaced where they stand, counted from the first byte not consumed")
  func replaces() {
    var buffer = ByteBuffer()
    buffer.append([9, 9, 0, 0, 0, 0, 9])
    buffer.consume(1)
    buffer.replaceUInt32(at: 1, with: 0x0403_0201)
    #expect(buffer.copied() == [9, 1, 2, 3, 4, 9])
  }
}
