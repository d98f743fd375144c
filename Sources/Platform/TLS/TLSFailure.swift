internal import COpenSSL

/// Why a TLS connection cannot go on.
public enum TLSFailure: Error, Equatable, Sendable, CustomStringConvertible {
  /// The other side's certificate is not accepted here: wrong authority, wrong name, expired, none.
  case certificate(reason: String)
  /// The other side ended the connection with an alert.
  case alert(reason: String)
  /// What came is not TLS, or not as TLS has it.
  case protocolError(reason: String)
  /// The socket failed with an `errno`.
  case system(Int32)
  /// No memory was left for a session.
  case outOfMemory

  public var description: String {
    switch self {
    case .certificate(let reason): "the certificate is not accepted: \(reason)"
    case .alert(let reason): "the other side refused: \(reason)"
    case .protocolError(let reason): reason
    case .system(let code): SystemError.text(of: code)
    case .outOfMemory: "out of memory"
    }
  }

  /// What the last call of this thread left in OpenSSL's queue of errors. Empties the queue.
  static func taken(verification: Int) -> TLSFailure {
    let error = ERR_get_error()
    defer { ERR_clear_error() }
    if verification != Int(X509_V_OK) {
      let text = unsafe X509_verify_cert_error_string(verification)
      return unsafe .certificate(reason: text.map { unsafe String(cString: $0) } ?? "unknown")
    }
    if error == 0 { return .protocolError(reason: "the connection broke off") }
    let reason = Self.reason(of: error)
    return copenssl_is_alert(error) != 0 ? .alert(reason: reason) : .protocolError(reason: reason)
  }

  static func reason(of error: UInt) -> String {
    if let text = unsafe ERR_reason_error_string(error) { return unsafe String(cString: text) }
    return "error \(error)"
  }
}
