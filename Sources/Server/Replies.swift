// Answers: heads, errors, and how a connection is refused.

import Bytes
import HTTP
import JSON

extension DataLoop {
  // MARK: Whole answers

  /// Begins an answer's head, with what every answer carries. `endHead` must follow.
  mutating func beginHead(
    _ style: ReplyStyle, status: UInt16, contentType: StaticString?, contentLength: Int?
  ) {
    date.refresh(now: now)
    let date = date.bytes
    ResponseWriter.beginHead(
      status: status, contentType: contentType, contentLength: contentLength,
      date: date.span, keepAlive: style.keepAlive, minorVersion: style.minorVersion,
      to: &output)
    appendCrossOrigin(style)
    outputRequests += 1
  }

  /// The whole head of a 200 with a JSON body, which is what most requests get.
  mutating func appendJSONHead(_ style: ReplyStyle, contentLength: Int) {
    guard style.keepAlive, style.minorVersion == 1, style.origin.isEmpty, headsAreUniform else {
      beginHead(
        style, status: 200, contentType: "application/json", contentLength: contentLength)
      return endHead()
    }
    date.refresh(now: now)
    output.append(date.jsonHead)
    output.append(decimal: UInt64(contentLength))
    output.append("\r\n\r\n")
    outputRequests += 1
  }

  mutating func endHead() {
    markAcknowledgementField()
    ResponseWriter.endHead(of: &output)
  }

  /// An answer whose JSON body is at hand.
  mutating func reply(
    _ slot: Int, _ style: ReplyStyle, status: UInt16 = 200, _ body: Span<UInt8>
  ) {
    beginHead(
      style, status: status, contentType: "application/json", contentLength: body.count)
    endHead()
    if !style.isHead { output.append(body) }
    closeIfAsked(slot, style)
  }

  mutating func reply(
    _ slot: Int, _ style: ReplyStyle, status: UInt16 = 200, _ body: StaticString
  ) {
    var bytes = ByteBuffer()
    bytes.append(body)
    reply(slot, style, status: status, bytes.span)
  }

  /// An error: `{"error":…}`, and the members of RFC 9457 for who asks for them.
  mutating func fail(
    _ slot: Int, _ style: ReplyStyle, _ status: UInt16, _ message: String,
    allow: StaticString? = nil, retryAfterSeconds: UInt64? = nil
  ) {
    var body = ByteBuffer()
    body.append("{\"error\":")
    var text = message
    text.withUTF8 { utf8 in
      let bytes = unsafe utf8.span
      JSONWriter.appendString(bytes, to: &body)
      guard style.wantsProblem else { return }
      body.append(",\"type\":\"about:blank\",\"title\":\"")
      body.append(Status.reasonPhrase(status))
      body.append("\",\"status\":")
      body.append(decimal: UInt64(status))
      body.append(",\"detail\":")
      JSONWriter.appendString(bytes, to: &body)
    }
    body.append("}")
    beginHead(
      style, status: status,
      contentType: style.wantsProblem ? "application/problem+json" : "application/json",
      contentLength: body.count)
    if status == 401 { output.append("WWW-Authenticate: Bearer\r\n") }
    if let allow {
      output.append("Allow: ")
      output.append(allow)
      output.append("\r\n")
    }
    if let retryAfterSeconds {
      output.append("Retry-After: ")
      output.append(decimal: retryAfterSeconds)
      output.append("\r\n")
    }
    endHead()
    if !style.isHead { output.append(body.span) }
    closeIfAsked(slot, style)
  }

  mutating func closeIfAsked(_ slot: Int, _ style: ReplyStyle) {
    guard !style.keepAlive else { return }
    connections[slot].closesAfterOutput = true
    // What a client pipelined behind its last request is not answered, and must not reset it.
    connections[slot].lingersAfterOutput = true
  }

  /// How to dress the answer to a request.
  func style(of request: Request, head: Span<UInt8>) -> ReplyStyle {
    ReplyStyle(
      keepAlive: request.keepAlive && drainsUntil == nil, minorVersion: request.minorVersion,
      isHead: request.method == .head, wantsProblem: request.acceptsProblemJSON,
      origin: request.origin.isEmpty
        ? [] : [UInt8](copying: head.extracting(request.origin.range)))
  }

  // MARK: Refusals

  /// Answers a message that is not a request, behind the answers of this turn, and hangs up.
  mutating func refuseInTurn(_ slot: Int, _ refusal: Refusal) {
    fail(slot, ReplyStyle(), refusal.status, explain(refusal))
  }

  /// Refuses a connection outside its turn.
  mutating func refuse(_ slot: Int, _ refusal: Refusal) {
    if connections[slot].body != nil {
      bodyBytesInFlight -= connections[slot].body?.bytes.count ?? 0
      connections[slot].body = nil
    }
    refuseInTurn(slot, refusal)
    if finishTurn(slot) { drive(slot) }
  }

  /// The parser knows what was too long; how long it may be here is this node's to say.
  private func explain(_ refusal: Refusal) -> String {
    switch refusal.status {
    case 413:
      "the body is longer than \(limits.bodyBytesMax) bytes (DYNA_LIMIT_BODY_BYTES)"
    case 431:
      """
      \(refusal.message) (here: \(limits.headBytesMax) bytes, DYNA_LIMIT_HEAD_BYTES; \
      \(limits.headerFieldsMax) fields, DYNA_LIMIT_HEADER_FIELDS)
      """
    default: "\(refusal.message)"
    }
  }

  var bodyTooLong: Refusal { Refusal(413, "the body is too long") }

  var tooManyBodies: Refusal {
    Refusal(503, "too many bodies are on their way: try again in a moment")
  }

  // MARK: Cross-origin requests

  private mutating func appendCrossOrigin(_ style: ReplyStyle) {
    switch node.configuration.crossOrigin {
    case .off: return
    case .any:
      output.append(Self.anyOriginField)
    case .only(let origins):
      output.append("Vary: Origin\r\n")
      guard origins.contains(style.origin) else { return }
      output.append("Access-Control-Allow-Origin: ")
      output.append(style.origin)
      output.append("\r\n")
    }
    if !style.origin.isEmpty {
      output.append("Access-Control-Expose-Headers: ETag, X-Acks, Retry-After, Link\r\n")
    }
  }
}
