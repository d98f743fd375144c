import Bytes
import Testing

@testable import HTTP

@Suite("Response heads")
struct ResponseWriterTests {
  static let date = Array("Sun, 06 Nov 1994 08:49:37 GMT".utf8)

  static func head(
    _ status: UInt16, contentType: StaticString? = "application/json", contentLength: Int? = 25,
    keepAlive: Bool = true, minorVersion: UInt8 = 1, extra: StaticString = ""
  ) -> String {
    var buffer = ByteBuffer()
    ResponseWriter.appendHead(
      status: status, contentType: contentType, contentLength: contentLength, date: date.span,
      keepAlive: keepAlive, minorVersion: minorVersion, extra: extra, to: &buffer)
    return buffer.text
  }

  @Test("of the hot statuses have these bytes")
  func golden() {
    let fields = """
      Date: Sun, 06 Nov 1994 08:49:37 GMT\r
      Content-Type: application/json\r
      Content-Length: 25\r
      \r\n
      """
    #expect(Self.head(200) == "HTTP/1.1 200 OK\r\n" + fields)
    #expect(Self.head(201) == "HTTP/1.1 201 Created\r\n" + fields)
    #expect(Self.head(404) == "HTTP/1.1 404 Not Found\r\n" + fields)
  }

  @Test("carry the fields of the caller")
  func extra() {
    let expected = """
      HTTP/1.1 401 Unauthorized\r
      Date: Sun, 06 Nov 1994 08:49:37 GMT\r
      Content-Type: application/json\r
      Content-Length: 0\r
      Connection: close\r
      WWW-Authenticate: Bearer\r
      \r\n
      """
    #expect(
      Self.head(
        401, contentLength: 0, keepAlive: false, extra: "WWW-Authenticate: Bearer\r\n") == expected)
  }

  @Test("have no Content-Length where there must be none", arguments: [UInt16(100), 103, 204])
  func noLength(status: UInt16) {
    #expect(!Self.head(status).contains("Content-Length"))
  }

  @Test("have neither type nor length where the caller gives none")
  func bare() {
    #expect(
      Self.head(304, contentType: nil, contentLength: nil)
        == "HTTP/1.1 304 Not Modified\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n")
  }

  @Test("say what becomes of the connection where that is not the rule of the version")
  func connection() {
    #expect(!Self.head(200).contains("Connection"))
    #expect(Self.head(200, keepAlive: false).contains("\r\nConnection: close\r\n"))
    #expect(Self.head(200, minorVersion: 0).contains("\r\nConnection: keep-alive\r\n"))
    #expect(
      Self.head(200, keepAlive: false, minorVersion: 0).contains("\r\nConnection: close\r\n"))
  }

  @Test("carry a length of any size", arguments: [0, 9, 10, 99, 100, 8_388_608, Int.max])
  func lengths(length: Int) {
    #expect(Self.head(200, contentLength: length).contains("\r\nContent-Length: \(length)\r\n"))
  }

  @Test(
    "are understood by our own client", arguments: [200, 201, 400, 404, 431, 507, 599] as [UInt16])
  func roundTrip(status: UInt16) {
    let bytes = Array(Self.head(status, keepAlive: false).utf8)
    var parser = ResponseParser()
    var response = Response()
    #expect(parser.parse(bytes, into: &response) == .complete)
    #expect(response.status == status)
    #expect(response.contentLength == 25)
    #expect(!response.keepAlive)
    #expect(response.headBytes == bytes.count)
  }

  @Test("have a phrase for each status in use")
  func phrases() {
    for status: UInt16 in [
      100, 200, 201, 202, 204, 206, 304, 400, 401, 403, 404, 405, 408, 409, 410, 411, 412, 413, 414,
      415, 417, 421, 429, 431, 500, 501, 503, 505, 507,
    ] {
      #expect(Status.reasonPhrase(status).utf8CodeUnitCount > 0, "\(status)")
    }
  }

  @Test("let the client go on with its body")
  func interim() {
    var buffer = ByteBuffer()
    ResponseWriter.appendContinue(to: &buffer)
    #expect(buffer.text == "HTTP/1.1 100 Continue\r\n\r\n")
  }
}

@Suite("Chunks of a response")
struct ChunkWriterTests {
  @Test("have their size patched in when they are ended")
  func golden() {
    var buffer = ByteBuffer()
    buffer.append("head")
    let mark = ResponseWriter.beginChunk(in: &buffer)
    buffer.append("hello, ")
    buffer.append("wide world")
    ResponseWriter.endChunk(mark, in: &buffer)
    ResponseWriter.appendLastChunk(to: &buffer)
    #expect(buffer.text == "head00000011\r\nhello, wide world\r\n0\r\n\r\n")
  }

  @Test("are taken back where they have no data, which would end the body")
  func empty() {
    var buffer = ByteBuffer()
    buffer.append("head")
    ResponseWriter.endChunk(ResponseWriter.beginChunk(in: &buffer), in: &buffer)
    ResponseWriter.appendChunk([UInt8]().span, to: &buffer)
    #expect(buffer.text == "head")
  }

  @Test("are read back by the decoder", arguments: [1, 9, 10, 15, 16, 255, 256, 65_536, 1_000_000])
  func roundTrip(count: Int) {
    let data = [UInt8](repeating: 0x0d, count: count)
    var buffer = ByteBuffer()
    ResponseWriter.appendChunk(data.span, to: &buffer)
    ResponseWriter.appendChunk(data.span, to: &buffer)
    ResponseWriter.appendLastChunk(to: &buffer)
    let decoded = decodeBody(buffer.copied(), bodyBytesMax: 2_000_000)
    #expect(decoded.outcome == .finished)
    #expect(decoded.body == data + data)
    #expect(decoded.used == buffer.count)
  }
}
