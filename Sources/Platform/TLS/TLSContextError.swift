/// A certificate, a key or an authority that cannot be used. Each names the file.
public enum TLSContextError: Error, Equatable, Sendable, CustomStringConvertible {
  case missing(path: String)
  case notReadable(path: String, reason: String)
  /// The file holds no certificate in PEM form.
  case notACertificate(path: String)
  /// The file holds no private key in PEM form.
  case notAKey(path: String)
  /// The key is protected by a password, which nobody is there to give.
  case keyNeedsPassword(path: String)
  /// Its time is over. `since` is its last moment.
  case expired(path: String, since: String)
  /// Its time has not come. `from` is its first moment.
  case notYetValid(path: String, from: String)
  /// The key belongs to another certificate.
  case keyMismatch(certificatePath: String, keyPath: String)
  /// OpenSSL refuses it, for instance because the key is too short.
  case refused(path: String, reason: String)

  public var description: String {
    switch self {
    case .missing(let path): "\(path) is missing"
    case .notReadable(let path, let reason): "\(path) cannot be read: \(reason)"
    case .notACertificate(let path): "\(path) is not a certificate in PEM form"
    case .notAKey(let path): "\(path) is not a private key in PEM form"
    case .keyNeedsPassword(let path):
      "\(path) is protected by a password: a node needs a key without one, readable by it alone"
    case .expired(let path, let since): "\(path) has expired (\(since))"
    case .notYetValid(let path, let from): "\(path) is not valid yet (from \(from))"
    case .keyMismatch(let certificatePath, let keyPath):
      "\(keyPath) is not the key of \(certificatePath)"
    case .refused(let path, let reason): "\(path) cannot be used: \(reason)"
    }
  }
}
