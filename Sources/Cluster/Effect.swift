/// What a node of the protocol wants done. The host carries effects out in their order.
public enum Effect: Sendable {
  /// Seal the bytes and send them as one datagram; it may get lost.
  case sendPacket(to: Endpoint, bytes: [UInt8])
  /// Send the bytes over an authenticated session, and report `response` or `failed` for this number
  /// once, within `timeoutMilliseconds`. Requests to one endpoint on one channel arrive in order.
  /// With `expected` it goes to that node or fails.
  case request(
    RequestID, to: Endpoint, expected: NodeID?, channel: Channel, bytes: [UInt8],
    timeoutMilliseconds: UInt64)
  /// Answer a peer's request.
  case respond(RequestID, bytes: [UInt8])
  /// Make these bytes durable as the list of members, in place of the last one, before the next start
  /// needs it.
  case saveMembers(bytes: [UInt8])
  /// States, addresses or lags changed: what `/membership` and `/stats` show is to be made anew.
  case statusChanged
  /// A peer has made all own writes with positions after `resumedAfter` up to `through` durable.
  case acknowledged(by: NodeID, resumedAfter: UInt64, through: UInt64)
  /// The own write at this position lost against another node's record of the same key.
  case superseded(position: UInt64)
  /// Everything that was there when the node joined is here and durable: it may serve.
  case becameReady
  /// A line for the log.
  case log(LogSeverity, String)
  /// This node may not go on: another process with its number and a greater boot is alive, or it was
  /// removed from the cluster. The text says what to do.
  case stop(reason: String)
}

/// Two connections a peer, so that a question about health never waits behind a batch.
public enum Channel: UInt8, Sendable {
  case data
  case control
}

public enum LogSeverity: Sendable { case info, warn, error }
