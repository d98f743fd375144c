public import HTTP
public import Platform

/// What became of one request of an `HTTPClientConnection`.
public enum HTTPOutcome: Sendable {
  /// A whole response, of any status.
  case response(tag: UInt64, HTTPAnswer)
  /// There will be none. `mayHaveArrived` is false where no byte of the request left this node: it
  /// can be sent again elsewhere, whatever it asks for. Where it is true, the server may or may not
  /// have done what was asked.
  case failed(tag: UInt64, HTTPClientFailure, mayHaveArrived: Bool)

  /// What the caller gave the request to know it by.
  public var tag: UInt64 {
    switch self {
    case .response(let tag, _), .failed(let tag, _, _): tag
    }
  }
}

/// A response, read to its end.
public struct HTTPAnswer: Sendable {
  /// The head's meaning; its ranges are places in `head`.
  public let response: Response
  public let head: [UInt8]
  public let body: [UInt8]

  public var status: UInt16 { response.status }
}

/// What a client connection was in the middle of when its time was up.
public enum HTTPClientPhase: Sendable, Equatable {
  case connecting, handshaking, responding
}

/// Why a request has no response, or a connection came to its end.
public enum HTTPClientFailure: Error, Sendable, Equatable {
  /// The name of the server is not known.
  case unresolvable(SocketError)
  /// Nobody takes connections there.
  case unreachable(SystemError)
  /// The TLS connection cannot be: the certificate is not accepted, or what comes is not TLS.
  case insecure(TLSFailure)
  /// The time was up: that of the request or, if it was `responding`, of one sent before it on the
  /// same connection, which cannot be skipped.
  case timedOut(HTTPClientPhase)
  /// The server closed the connection.
  case closedByPeer
  /// The connection broke.
  case broken(SystemError)
  /// What came is no HTTP response, or more of one than the limits allow.
  case malformed(Refusal)
  /// The server sent what nobody asked for.
  case unasked
  /// This side closed the connection.
  case closed
  /// The connection holds as many requests, or bytes of them, as its limits allow.
  case full
  /// The path of the request is not one.
  case invalidTarget
}

extension HTTPClientFailure: CustomStringConvertible {
  public var description: String {
    switch self {
    case .unresolvable(let error): "\(error)"
    case .unreachable(let error): "cannot be reached: \(error)"
    case .insecure(let failure): "\(failure)"
    case .timedOut(.connecting): "did not take the connection in time"
    case .timedOut(.handshaking): "did not finish the TLS handshake in time"
    case .timedOut(.responding): "did not answer in time"
    case .closedByPeer: "closed the connection without an answer"
    case .broken(let error): "the connection broke: \(error)"
    case .malformed(let refusal): "sent a malformed response: \(refusal.message)"
    case .unasked: "sent a response that nobody asked for"
    case .closed: "the connection is closed"
    case .full: "the connection has too many requests waiting"
    case .invalidTarget: "the path of the request is malformed"
    }
  }
}
