import Bytes
import HTTP
import Platform

/// Gets a token by name and secret.
enum Login {
  /// A password takes the node 50 ms; others may wait in front of this one.
  private static let answerMilliseconds: Int32 = 10_000

  /// Logs a user in, who is registered if the node does not know the name (`POST /auth/{user}`).
  static func token(
    user: String, secret: String, at address: Address
  ) throws(Mistake) -> String {
    var body = ByteBuffer()
    body.append("{\"secret\":\(Figures.quoted(secret))}")
    var request = ByteBuffer()
    request.append("POST /auth/" as StaticString)
    PercentEncoder.encode(Array(user.utf8).span, to: &request)
    request.append(" HTTP/1.1\r\nHost: \(address.text)\r\nContent-Type: application/json\r\n")
    request.append("Connection: close\r\nContent-Length: \(body.count)\r\n\r\n")
    request.append(body.span)

    let (status, answer) = try call(address, request.span)
    let text = String(decoding: answer, as: UTF8.self)
    guard status == 200 else {
      throw Mistake("\(address.text) does not log in user \(user): status \(status) \(text)")
    }
    // A token consists of base64url and dots: nothing in it is escaped.
    let quoted = text.split(separator: "\"", omittingEmptySubsequences: false)
    guard let name = quoted.firstIndex(of: "token"), quoted.count > name + 2 else {
      throw Mistake("\(address.text) logged user \(user) in without a token: \(text)")
    }
    return String(quoted[name + 2])
  }

  /// Sends one request on a connection of its own and waits for the answer.
  private static func call(
    _ address: Address, _ request: Span<UInt8>
  ) throws(Mistake) -> (status: UInt16, body: [UInt8]) {
    var wire: Wire
    do throws(ConnectFailure) {
      wire = try address.connectBlocking()
    } catch {
      throw Mistake("\(address.text) cannot be reached: \(error)")
    }
    Socket.setTimeouts(wire.raw, milliseconds: answerMilliseconds)
    guard case .bytes(request.count) = wire.write(request) else {
      throw Mistake("\(address.text) does not take a request")
    }
    var reader = AnswerReader()
    var input = ByteBuffer()
    var body = ByteBuffer()
    while true {
      guard case .bytes = wire.read(into: &input, minimum: 4_096) else {
        throw Mistake("\(address.text) does not answer")
      }
      let (used, step) = reader.read(input.span, into: &body)
      input.consume(used)
      switch step {
      case .needsMore: continue
      case .answer(let status, _): return (status, body.copied())
      case .broken(let refusal): throw Mistake("\(address.text): \(refusal.message)")
      }
    }
  }
}
