import Bytes

/// The bytes of the requests that a run sends: what all of them share is made once.
struct RequestText: ~Copyable {
  private var readStart = ByteBuffer()
  private var writeStart = ByteBuffer()
  private var streamStart = ByteBuffer()
  /// Behind the key: version, `Host`, and the token if there is one. The line is not yet empty.
  private var fields = ByteBuffer()

  init(address: Address, table: String, token: String?) {
    Self.begin("GET", table: table, "/key/", &readStart)
    Self.begin("PUT", table: table, "/key/", &writeStart)
    Self.begin("GET", table: table, "/subscribe/", &streamStart)
    fields.append(" HTTP/1.1\r\nHost: ")
    fields.append(address.text)
    if let token {
      fields.append("\r\nAuthorization: Bearer ")
      fields.append(token)
    }
    fields.append("\r\n")
  }

  /// `GET /{table}/key/{key}`
  func appendRead(_ key: Span<UInt8>, to output: inout ByteBuffer) {
    output.append(readStart.span)
    output.append(key)
    output.append(fields.span)
    output.append("\r\n" as StaticString)
  }

  /// `GET /{table}/subscribe/{key}`
  func appendSubscribe(_ key: Span<UInt8>, to output: inout ByteBuffer) {
    output.append(streamStart.span)
    output.append(key)
    output.append(fields.span)
    output.append("Accept: text/event-stream\r\n\r\n" as StaticString)
  }

  /// `PUT /{table}/key/{key}`. The value stands as the one member `value` of the body, so that it
  /// is stored whatever kind of JSON it is. The key is percent-encoded already.
  func appendWrite(_ key: Span<UInt8>, value: Span<UInt8>, to output: inout ByteBuffer) {
    let before: StaticString = "{\"value\":"
    output.append(writeStart.span)
    output.append(key)
    output.append(fields.span)
    output.append("Content-Type: application/json\r\nContent-Length: " as StaticString)
    output.append(decimal: UInt64(before.utf8CodeUnitCount + value.count + 1))
    output.append("\r\n\r\n" as StaticString)
    output.append(before)
    output.append(value)
    output.append(UInt8(ascii: "}"))
  }

  private static func begin(
    _ method: StaticString, table: String, _ noun: StaticString, _ buffer: inout ByteBuffer
  ) {
    buffer.append(method)
    buffer.append(" /" as StaticString)
    PercentEncoder.encode(Array(table.utf8).span, to: &buffer)
    buffer.append(noun)
  }
}

/// The names of generated keys.
enum KeyName {
  /// `k000000`, or another letter; more digits where six are not enough. Needs no encoding.
  static func append(_ letter: UInt8, _ number: Int, to output: inout ByteBuffer) {
    output.append(letter)
    var power = 100_000
    while power > number && power > 1 {
      output.append(UInt8(ascii: "0"))
      power /= 10
    }
    output.append(decimal: UInt64(number))
  }

  static func text(_ letter: UInt8, _ number: Int) -> String {
    var buffer = ByteBuffer()
    append(letter, number, to: &buffer)
    return String(decoding: buffer.copied(), as: UTF8.self)
  }
}
