import Testing

@testable import HTTP

@Suite("Arguments of a query")
struct QueryReaderTests {
  static func value(_ query: String) -> String? {
    let bytes = Array(("?" + query).utf8)
    let place = QueryReader.value(of: "limit", in: ByteRange(1, bytes.count), bytes.span)
    return place.map { String(decoding: bytes[$0.range], as: UTF8.self) }
  }

  @Test(
    "are found by name, the first one counts",
    arguments: [
      ("limit=5", "5"), ("a=b&limit=5", "5"), ("limit=5&a=b", "5"), ("limit=5&limit=6", "5"),
      ("limit=", ""), ("limit", ""), ("limit&a", ""), ("limit=a=b", "a=b"), ("limit=%20", "%20"),
      ("&&limit=5&", "5"), ("", nil), ("limits=5", nil), ("Limit=5", nil), ("a=limit", nil),
      ("a=limit=5", nil), ("xlimit=5", nil), ("=limit", nil), ("lim%69t=5", nil),
    ] as [(String, String?)])
  func found(query: String, expected: String?) {
    #expect(Self.value(query) == expected)
  }

  @Test(
    "are numbers in decimal digits",
    arguments: [
      ("0", 0), ("12", 12), ("9223372036854775807", Int.max), ("9223372036854775808", nil),
      ("", nil), ("-1", nil), ("+1", nil), ("1x", nil), ("0x1", nil), ("99999999999999999999", nil),
    ] as [(String, Int?)])
  func number(text: String, expected: Int?) {
    let bytes = Array(text.utf8)
    let number = QueryReader.number(ByteRange(0, bytes.count), bytes.span)
    #expect(number == expected)
  }
}
