import Bytes
import Testing

@Suite("ByteBuffer")
struct ByteBufferTests {
  @Test("an empty one owns no memory and reads as nothing")
  func empty() {
    let buffer = ByteBuffer()
    #expect(buffer.capacity == 0)
    #expect(buffer.count == 0)
    #expect(buffer.isEmpty == true)
    #expect(buffer.span.count == 0)
    #expect(buffer.copied() == [])
  }

  @Test("what is appended in any form reads back in order")
  func appends() {
    var buffer = ByteBuffer()
    buffer.append(0x61)
    buffer.append([0x62, 0x63])
    buffer.append(ascii("de").span)
    buffer.append("fg" as StaticString)
    buffer.append("hé" as String)
    #expect(text(buffer.copied()) == "abcdefghé")
    #expect(buffer.count == 10)
    #expect(buffer[0] == 0x61)
    #expect([UInt8](copying: buffer.span) == buffer.copied())
  }

  @Test("appending nothing changes nothing")
  func appendsNothing() {
    var buffer = ByteBuffer()
    buffer.append([] as [UInt8])
    buffer.append("" as StaticString)
    buffer.append("" as String)
    #expect(buffer.capacity == 0)
  }

  @Test("it grows one byte at a time to any size and keeps every byte")
  func grows() {
    var buffer = ByteBuffer()
    for number in 0..<10_000 { buffer.append(UInt8(truncatingIfNeeded: number)) }
    #expect(buffer.copied() == (0..<10_000).map { UInt8(truncatingIfNeeded: $0) })
    #expect(buffer.capacity < 20_000)
  }

  @Test("growing keeps what was not consumed and nothing else")
  func growsConsumed() {
    var buffer = ByteBuffer(capacity: 8)
    buffer.append(ascii("01234567"))
    buffer.consume(3)
    buffer.append([UInt8](repeating: 0x78, count: 100))
    #expect(text(buffer.copied()) == "34567" + String(repeating: "x", count: 100))
  }

  @Test("it slides to the front instead of growing where half of it was consumed")
  func slides() {
    var buffer = ByteBuffer(capacity: 8)
    buffer.append(ascii("01234567"))
    buffer.consume(6)
    buffer.append(ascii("abcdef"))
    #expect(buffer.capacity == 8)
    #expect(text(buffer.copied()) == "67abcdef")
  }

  @Test("consuming all of it begins again at the front")
  func consumesAll() {
    var buffer = ByteBuffer(capacity: 4)
    for _ in 0..<100 {
      buffer.append(ascii("abcd"))
      buffer.consume(4)
    }
    #expect(buffer.capacity == 4)
    #expect(buffer.isEmpty == true)
  }

  @Test("indices count from the first byte that was not consumed")
  func indices() {
    var buffer = ByteBuffer()
    buffer.append(ascii("abc"))
    buffer.consume(1)
    buffer[0] = 0x42
    #expect(buffer[1] == 0x63)
    #expect(text(buffer.copied()) == "Bc")
  }

  @Test(
    "whole numbers are written in decimal",
    arguments: [0, 1, 9, 10, 11, 99, 100, 12_345, 999_999_999_999, .max - 1, .max] as [UInt64])
  func decimal(number: UInt64) {
    var buffer = ByteBuffer()
    buffer.append(0x3d)
    buffer.append(decimal: number)
    #expect(text(buffer.copied()) == "=\(number)")
  }

  @Test("every power of ten and its neighbours are written in decimal")
  func powers() {
    var power: UInt64 = 1
    for _ in 0..<20 {
      for number in [power - 1, power, power + 1] {
        var buffer = ByteBuffer()
        buffer.append(decimal: number)
        #expect(text(buffer.copied()) == String(number))
      }
      power = power.multipliedReportingOverflow(by: 10).partialValue
    }
  }

  @Test("truncating drops bytes from the back")
  func truncates() {
    var buffer = ByteBuffer()
    buffer.append(ascii("abcdef"))
    buffer.consume(1)
    buffer.truncate(to: 2)
    #expect(text(buffer.copied()) == "bc")
  }

  @Test("filling gives at least the room asked for and keeps what was written")
  func fills() {
    var buffer = ByteBuffer()
    buffer.append(ascii("ab"))
    let written = buffer.fill(minimum: 100) { room in
      #expect(room.count >= 100)
      room[0] = 0x63
      return 1
    }
    #expect(written == 1)
    #expect(text(buffer.copied()) == "abc")
  }

  @Test("clearing keeps the memory, releasing gives it back, and both can be written to again")
  func clearsAndReleases() {
    var buffer = ByteBuffer()
    buffer.append(ascii("abc"))
    let capacity = buffer.capacity
    buffer.clear()
    #expect(buffer.count == 0)
    #expect(buffer.capacity == capacity)
    buffer.append(ascii("d"))
    buffer.release()
    #expect(buffer.count == 0)
    #expect(buffer.capacity == 0)
    buffer.append(ascii("e"))
    #expect(text(buffer.copied()) == "e")
  }

  @Test("random appends and removals agree with an array")
  func model() {
    var random = SeededRandom(seed: 12)
    var buffer = ByteBuffer()
    var model: [UInt8] = []
    for _ in 0..<5_000 {
      switch random.next(below: 4) {
      case 0, 1:
        let bytes = randomBytes(Int(random.next(below: 50)), &random)
        buffer.append(bytes)
        model += bytes
      case 2:
        let count = Int(random.next(below: UInt64(model.count + 1)))
        buffer.consume(count)
        model.removeFirst(count)
      default:
        let count = model.count - Int(random.next(below: UInt64(min(model.count, 5) + 1)))
        buffer.truncate(to: count)
        model.removeLast(model.count - count)
      }
      #expect(buffer.count == model.count)
      #expect(buffer.copied() == model)
    }
  }
}
