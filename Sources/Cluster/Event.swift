/// What can happen to a node of the protocol. The host (server or simulator) reports it by `Node.step`.
public enum Event: Sendable {
  /// Time has gone by: reported at `Node.nextDeadline` or a little later.
  case tick
  /// A datagram came that a member, or somebody with the cluster's secret, has sealed; already
  /// opened and not a replay.
  case packet(from: Incarnated, address: Endpoint, bytes: [UInt8])
  /// A peer asks something over an authenticated session and waits for `Effect.respond`.
  case request(RequestID, from: Incarnated, bytes: [UInt8])
  /// The answer to `Effect.request`. `from` is who answered, as the session proved.
  case response(RequestID, from: Incarnated, bytes: [UInt8])
  /// There will be no answer: no connection, a refusal, or too late. The peer may have acted or not.
  case failed(RequestID, reason: RequestFailure)
  /// This node's own writes (puts and tombstones): entries of the log that are durable now, and the
  /// position of each, ascending. `through` is the position up to which everything is durable,
  /// whether its own or a peer's; where only a peer's writes became durable there are no entries.
  case committed(entries: [UInt8], positions: [UInt64], through: UInt64)
  /// The node begins to stop: tell the others.
  case leave
}

/// Numbers a request: outgoing ones are numbered by the node, incoming ones by the host.
public struct RequestID: Hashable, Sendable {
  public let rawValue: UInt64
  public init(_ rawValue: UInt64) { self.rawValue = rawValue }
}

public enum RequestFailure: Sendable, Equatable {
  /// No connection could be made, or it broke.
  case unreachable
  /// No answer in time.
  case timedOut
  /// The other side does not prove the secret, belongs to another cluster, or is another node than
  /// was meant.
  case refused
}
