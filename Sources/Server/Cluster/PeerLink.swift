// One channel to one peer: a connection, the session on it, and the requests that use it.

import Bytes
import Cluster
import Crypto
import HTTP
import Platform

/// A request of the protocol on its way to a peer.
struct OutgoingRequest {
  let id: RequestID
  let expected: NodeID?
  let bytes: [UInt8]
  let deadline: Instant
  /// The peer had forgotten the session once; it was not acted on, and is sent again.
  var isSecondTry = false
}

/// What became of a request.
enum LinkOutcome {
  case response(RequestID, from: Incarnated, bytes: [UInt8])
  case failed(RequestID, RequestFailure)
}

/// A channel's state. It dials when there is something to send and nothing is connected, and rests
/// for a moment after it failed, so that a peer that is away costs a few packets a second.
struct PeerLink: ~Copyable {
  enum Stage {
    case idle
    /// The name is being looked up.
    case resolving
    case greeting
    case proving
    case open
  }

  struct Sent {
    let tag: UInt64
    let request: OutgoingRequest
    let counter: UInt64
  }

  let endpoint: Endpoint
  let channel: Channel
  /// Of the connection: late events of the one before are not for this one.
  var generation: UInt32 = 0
  var stage = Stage.idle
  var connection: HTTPClientConnection?
  var initiator: SessionInitiator?
  var session: Cluster.Session?
  /// Who proved itself at the other end.
  var peer: Incarnated?
  var sessionNumber: UInt64 = 0
  var waiting: [OutgoingRequest] = []
  var sent: [Sent] = []
  /// Addresses of the endpoint that are still to be tried, the next one last.
  var addresses: [InternetAddress] = []
  var restsUntil = Instant(nanoseconds: 0)
  var nextTag: UInt64 = firstTag
  var usedAt: Instant
  /// What was last logged, and when, so that a peer that stays away is told of once a minute.
  var complaint = ""
  var complainedAt = Instant(nanoseconds: 0)

  static let helloTag: UInt64 = 0
  static let proofTag: UInt64 = 1
  static let firstTag: UInt64 = 2
  static let restMilliseconds: UInt64 = 200
  static let refusedRestMilliseconds: UInt64 = 1_000
  static let greetingMilliseconds: UInt64 = 2_000
  static let idleSeconds: UInt64 = 300
  static let complaintSeconds: UInt64 = 60

  init(endpoint: Endpoint, channel: Channel, now: Instant) {
    self.endpoint = endpoint
    self.channel = channel
    usedAt = now
  }

  var isOpen: Bool {
    if case .open = stage { return true }
    return false
  }

  /// Nobody waits for anything here.
  var isUnused: Bool { waiting.isEmpty && sent.isEmpty }

  /// When to look at the link again at the latest; nil where only its descriptor can bring news.
  mutating func nextDeadline(now: Instant) -> Instant? {
    var due = connection?.nextDeadline
    for request in waiting { due = min(request.deadline, due ?? request.deadline) }
    if connection == nil, !waiting.isEmpty, restsUntil > now {
      due = min(restsUntil, due ?? restsUntil)
    }
    return due
  }

  var path: StaticString {
    switch channel {
    case .data: "/internal/v1/data"
    case .control: "/internal/v1/control"
    }
  }
}
