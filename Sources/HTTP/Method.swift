/// What a request asks to be done with its target. Names are compared by case (RFC 9110 §9.1).
public enum Method: UInt8, Sendable {
  case get, head, post, put, patch, delete, options
  /// A valid token that names no method of ours.
  case other
}

extension Method {
  /// The longest method that is read at all, in bytes; a longer one is answered `501`.
  static let nameBytesMax = 24

  /// The method spelt by a token.
  @inline(__always)
  init(token bytes: Span<UInt8>, from start: Int, to end: Int) {
    switch end - start {
    case 3:
      if spells(bytes, start, "GET") {
        self = .get
      } else if spells(bytes, start, "PUT") {
        self = .put
      } else {
        self = .other
      }
    case 4:
      if spells(bytes, start, "POST") {
        self = .post
      } else if spells(bytes, start, "HEAD") {
        self = .head
      } else {
        self = .other
      }
    case 5: self = spells(bytes, start, "PATCH") ? .patch : .other
    case 6: self = spells(bytes, start, "DELETE") ? .delete : .other
    case 7: self = spells(bytes, start, "OPTIONS") ? .options : .other
    default: self = .other
    }
  }
}
