import Bytes
import Testing

@Suite("ByteReader")
struct ByteReaderTests {
  static let bytes: [UInt8] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]

  @Test("whole numbers are read little-endian, one after the other")
  func numbers() {
    var reader = ByteReader(Self.bytes.span)
    #expect(reader.readUInt8() == 0x01)
    #expect(reader.readUInt16() == 0x0302)
    #expect(reader.readUInt32() == 0x0706_0504)
    #expect(reader.readUInt64() == 0x0f0e_0d0c_0b0a_0908)
    #expect(reader.remaining == 0)
    #expect(reader.offset == 15)
  }

  @Test("whatever would go past the end is nil and does not move")
  func pastTheEnd() {
    for count in 0..<8 {
      let bytes = [UInt8](repeating: 0xff, count: count)
      var reader = ByteReader(bytes.span)
      #expect(reader.readUInt64() == nil)
      if count < 4 { #expect(reader.readUInt32() == nil) }
      if count < 2 { #expect(reader.readUInt16() == nil) }
      if count < 1 { #expect(reader.readUInt8() == nil) }
      #expect(reader.readArray(count + 1) == nil)
      #expect(reader.skip(count + 1) == false)
      #expect(reader.offset == 0)
      #expect(reader.remaining == count)
    }
  }

  @Test("a length that lies is nil, however it lies", arguments: [16, Int.max, -1, Int.min])
  func lies(count: Int) {
    var reader = ByteReader(Self.bytes.span)
    #expect(reader.readArray(count) == nil)
    let spanIsNil = reader.readBytes(count) == nil
    #expect(spanIsNil)
    #expect(reader.skip(count) == false)
    #expect(reader.offset == 0)
  }

  @Test("bytes are read where the reader stands")
  func bytes() {
    var reader = ByteReader(Self.bytes.span)
    #expect(reader.skip(2) == true)
    #expect(reader.readArray(3) == [3, 4, 5])
    #expect(reader.readArray(0) == [])
    #expect(reader.offset == 5)
    #expect(reader.readArray(10) == [6, 7, 8, 9, 10, 11, 12, 13, 14, 15])
    #expect(reader.readUInt8() == nil)
  }

  @Test("a span of bytes is read without copying them")
  func span() {
    var reader = ByteReader(Self.bytes.span)
    _ = reader.skip(1)
    guard let span = reader.readBytes(2) else {
      Issue.record("two bytes are there")
      return
    }
    #expect([UInt8](copying: span) == [2, 3])
  }
}
