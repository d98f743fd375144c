/// Why a message is not accepted: the status to answer with, what is wrong and what to do.
public struct Refusal: Error, Sendable {
  public let status: UInt16
  public let message: StaticString

  public init(_ status: UInt16, _ message: StaticString) {
    self.status = status
    self.message = message
  }
}

extension Refusal: Equatable {
  public static func == (left: Refusal, right: Refusal) -> Bool {
    guard left.status == right.status else { return false }
    let count = left.message.utf8CodeUnitCount
    guard count == right.message.utf8CodeUnitCount else { return false }
    let texts = unsafe (left.message.utf8Start, right.message.utf8Start)
    for index in 0..<count where unsafe texts.0[index] != texts.1[index] { return false }
    return true
  }
}

// Lines and fields
extension Refusal {
  static let bareLineFeed = Refusal(
    400, "A line ends with LF alone: end every line of the head with CR LF.")
  static let bareCarriageReturn = Refusal(
    400, "A CR is not followed by LF: end every line of the head with CR LF.")
  static let foldedLine = Refusal(
    400, "A header line begins with white space: line folding is obsolete, send one line a field.")
  static let emptyFieldName = Refusal(
    400, "A header field has no name: write 'Name: value'.")
  static let spaceBeforeColon = Refusal(
    400, "There is white space before the colon of a header field: write 'Name: value'.")
  static let invalidFieldName = Refusal(
    400, "A header field name has a byte that is not allowed in a token: write 'Name: value'.")
  static let invalidFieldValue = Refusal(
    400, "A header field value has a control byte: send visible characters, spaces and tabs only.")
  static let headTooLong = Refusal(
    431, "The head is longer than headBytesMax (16 KiB by default): send fewer or shorter fields.")
  static let tooManyFields = Refusal(
    431, "There are more header fields than headerFieldsMax (100 by default): send fewer.")
}

// The request line
extension Refusal {
  static let tlsOnPlainPort = Refusal(
    400, "This port speaks http, and the bytes look like TLS: use http:// instead of https://.")
  static let notARequest = Refusal(
    400, "The bytes are no HTTP request: begin with a request line such as 'GET / HTTP/1.1'.")
  static let tooManyEmptyLines = Refusal(
    400, "There are too many empty lines before the request line: send none.")
  static let methodTooLong = Refusal(
    501, "The method is longer than any that is known here: use GET, PUT, POST, PATCH or DELETE.")
  static let connectUnsupported = Refusal(
    501, "CONNECT is not supported: this is no proxy.")
  static let requestLineTooLong = Refusal(
    414, "The request line exceeds requestLineBytesMax (8,448 bytes by default): shorten it.")
  static let invalidTargetByte = Refusal(
    400, "The request target has a byte that is not allowed in a URI: percent-encode it.")
  static let invalidTargetEscape = Refusal(
    400, "A '%' in the request target is not followed by two hex digits: write '%25' for '%'.")
  static let invalidTarget = Refusal(
    400, "The request target is malformed: send a path that begins with '/'.")
  static let invalidVersion = Refusal(
    400, "The request line does not end with ' HTTP/1.1': write 'METHOD /path HTTP/1.1'.")
  static let unsupportedVersion = Refusal(
    505, "This version of HTTP is not spoken here: use HTTP/1.1.")
}

// Framing and routing
extension Refusal {
  static let missingHost = Refusal(
    400, "There is no Host field: HTTP/1.1 requires exactly one.")
  static let repeatedHost = Refusal(
    400, "There is more than one Host field: send exactly one.")
  static let invalidHost = Refusal(
    400, "The host is malformed: send 'Host: name' or 'Host: name:port'.")
  static let invalidContentLength = Refusal(
    400, "Content-Length is malformed: send one number in decimal digits.")
  static let differingContentLength = Refusal(
    400, "Content-Length is given twice with different numbers: send it once.")
  static let contentLengthOverflow = Refusal(
    413, "The body is longer than bodyBytesMax (8 MiB by default): send it in parts.")
  static let lengthAndCoding = Refusal(
    400, "Content-Length and Transfer-Encoding exclude each other: send one of them.")
  static let invalidTransferEncoding = Refusal(
    400, "Transfer-Encoding is malformed: send 'chunked' once, or use Content-Length.")
  static let unknownTransferEncoding = Refusal(
    501, "This transfer coding is not known here: send 'chunked' alone, or use Content-Length.")
  static let codingInOldVersion = Refusal(
    400, "HTTP/1.0 has no Transfer-Encoding: use Content-Length or HTTP/1.1.")
  static let unknownExpectation = Refusal(
    417, "This expectation cannot be met: only 'Expect: 100-continue' is known.")
}

// Chunked bodies
extension Refusal {
  static let invalidChunkSize = Refusal(
    400, "A chunk size is malformed: send hex digits, at most 16, directly followed by CR LF.")
  static let invalidChunkExtension = Refusal(
    400, "A chunk extension is malformed: write ';name' or ';name=value', or leave it out.")
  static let chunkLineTooLong = Refusal(
    400, "A chunk size line is longer than 256 bytes: leave out the chunk extensions.")
  static let invalidChunkEnd = Refusal(
    400, "The data of a chunk is not followed by CR LF: its size is wrong.")
  static let bodyTooLong = Refusal(
    413, "The body is longer than bodyBytesMax (8 MiB by default): send it in parts.")
  static let trailersTooLong = Refusal(
    431, "The trailer fields exceed 8 KiB or 100 fields: send fewer, they are not read.")
}

// Responses, as our own client sees them
extension Refusal {
  static let invalidStatusLine = Refusal(
    502, "The status line of the response is malformed: is this an HTTP/1.1 server?")
  static let invalidResponseFraming = Refusal(
    502, "The response does not say clearly where its body ends.")
}
