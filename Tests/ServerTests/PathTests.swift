import Bytes
import HTTP
import Testing

@testable import Server

@Suite("Path")
struct PathTests {
  private func split(_ path: String) -> [String]? {
    let bytes = utf8(path)
    guard let path = Path(plain: bytes.span) else { return nil }
    return (0..<path.count).map { text([UInt8](copying: path[$0])) }
  }

  @Test(
    "a path is split at every slash, and empty segments count",
    arguments: [
      ("/", [""]), ("/a", ["a"]), ("/a/", ["a", ""]), ("//", ["", ""]), ("//a", ["", "a"]),
      ("/default/key/k", ["default", "key", "k"]), ("/a//b", ["a", "", "b"]),
      ("/admin/table/t/key/k", ["admin", "table", "t", "key", "k"]),
      ("/a/%2F/b", ["a", "%2F", "b"]), ("/./..", [".", ".."]),
      ("/a/b/c/d/", ["a", "b", "c", "d", ""]),
    ])
  func segments(path: String, expected: [String]) {
    #expect(split(path) == expected)
  }

  @Test(
    "a path with more segments than any route is none",
    arguments: ["/a/b/c/d/e/f", "//////", "/a/b/c/d/e/"])
  func tooMany(path: String) {
    #expect(split(path) == nil)
  }

  @Test("a decoded path keeps slashes within its segments")
  func decoded() {
    let bytes = utf8("/a/b/key//\u{0}")
    var ends: [5 of UInt32] = [5 of UInt32](repeating: 0)
    ends[0] = 4
    ends[1] = 8
    ends[2] = 11
    let path = Path(decoded: bytes.span, ends: ends, count: 3)
    #expect(path.count == 3)
    #expect(text([UInt8](copying: path[0])) == "a/b")
    #expect(text([UInt8](copying: path[1])) == "key")
    #expect(text([UInt8](copying: path[2])) == "/\u{0}")
  }
}
