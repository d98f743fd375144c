import Bytes
import Testing

@Suite("Hex")
struct HexTests {
  @Test("bytes are written in lower case, two digits each")
  func bytes() {
    var buffer = ByteBuffer()
    Hex.append([0x00, 0x0f, 0xa5, 0xff].span, to: &buffer)
    #expect(text(buffer.copied()) == "000fa5ff")
  }

  @Test(
    "a number is written in as many digits as asked for, the lowest ones",
    arguments: zip(
      [(0, 1), (0, 16), (0xabc, 4), (0xabc, 2), (UInt64.max, 16)],
      ["0", "0000000000000000", "0abc", "bc", "ffffffffffffffff"]))
  func number(number: (UInt64, Int), expected: String) {
    var buffer = ByteBuffer()
    Hex.append(number.0, digits: number.1, to: &buffer)
    #expect(text(buffer.copied()) == expected)
  }

  @Test("both cases are read")
  func decodes() {
    #expect(Hex.decode(ascii("000fA5ff").span) == [0x00, 0x0f, 0xa5, 0xff])
    #expect(Hex.decode(ascii("").span) == [])
  }

  @Test(
    "odd lengths and other characters are refused",
    arguments: ["0", "000", "0g", "g0", "0x", " 0", "0 ", "/0", ":0", "@0", "`0", "-1"])
  func refused(text: String) { #expect(Hex.decode(ascii(text).span) == nil) }

  @Test("every byte goes back and forth")
  func roundTrip() {
    let all = (0...255).map { UInt8($0) }
    var buffer = ByteBuffer()
    Hex.append(all.span, to: &buffer)
    #expect(Hex.decode(buffer.span) == all)
  }
}
