public import Bytes
public import HTTP
public import Platform

/// One request at a time, waited for: for the commands of the binary, not for its loops.
///
/// The connection is kept for the next request to the same server.
public struct HTTPClient: ~Copyable {
  /// What became of a request on one connection.
  private enum Attempt {
    case answered(HTTPAnswer)
    /// It never left, and can be sent again.
    case unsent(HTTPClientFailure)
    case lost(HTTPClientFailure)
  }

  private let poller: Poller
  private let tls: TLSContext?
  private let limits: HTTPClientLimits
  private var kept: HTTPClientConnection?
  private var host = ""
  private var port: UInt16 = 0

  /// - Parameter tls: whom to trust; nil for connections in the clear.
  public init(tls: TLSContext?, limits: HTTPClientLimits) throws(SystemError) {
    poller = try Poller()
    self.tls = tls
    self.limits = limits
  }

  /// Sends a request and waits for its response, of any status.
  ///
  /// Tries the addresses of a name in turn until one takes the connection. A request that was never
  /// sent because the server had closed the kept connection is sent again on a new one.
  ///
  /// - Parameters:
  ///   - host: a name or literal, without brackets. A name is looked up first, which may take
  ///     longer than the deadline.
  ///   - fields: as `HTTPClientConnection.send` takes them; so are `target` and `body`.
  public mutating func send(
    _ method: Method, _ target: Span<UInt8>, fields: Span<UInt8>, body: Span<UInt8>,
    to host: String, port: UInt16, deadline: Instant
  ) throws(HTTPClientFailure) -> HTTPAnswer {
    if let connection = takeKept(host, port) {
      switch attempt(on: connection, method, target, fields, body, deadline) {
      case .answered(let answer): return answer
      case .lost(let failure): throw failure
      case .unsent: break
      }
    }
    self.host = host
    self.port = port
    var reason = HTTPClientFailure.timedOut(.connecting)
    for address in try Self.resolve(host) where SystemClock.monotonic() < deadline {
      switch attempt(at: address, method, target, fields, body, deadline) {
      case .answered(let answer): return answer
      case .lost(let failure): throw failure
      case .unsent(let failure): reason = failure
      }
    }
    throw reason
  }

  private static func resolve(_ host: String) throws(HTTPClientFailure) -> [InternetAddress] {
    do throws(SocketError) {
      return try InternetAddress.resolve(host)
    } catch {
      throw .unresolvable(error)
    }
  }

  // MARK: Connections

  private mutating func takeKept(_ host: String, _ port: UInt16) -> HTTPClientConnection? {
    guard host == self.host, port == self.port else { return nil }
    return kept.take()
  }

  private func connect(
    to address: InternetAddress
  ) throws(HTTPClientFailure) -> HTTPClientConnection {
    let connection = try HTTPClientConnection(
      to: address, port: port, host: host, tls: tls, limits: limits, now: SystemClock.monotonic())
    do throws(SystemError) {
      try poller.add(connection.descriptor, token: 0, events: HTTPClientConnection.pollEvents)
    } catch {
      throw .unreachable(error)
    }
    return connection
  }

  private mutating func attempt(
    at address: InternetAddress, _ method: Method, _ target: Span<UInt8>, _ fields: Span<UInt8>,
    _ body: Span<UInt8>, _ deadline: Instant
  ) -> Attempt {
    do throws(HTTPClientFailure) {
      return attempt(on: try connect(to: address), method, target, fields, body, deadline)
    } catch {
      return .unsent(error)
    }
  }

  /// One request on a connection, which is kept where it can be used again.
  private mutating func attempt(
    on connection: consuming HTTPClientConnection, _ method: Method, _ target: Span<UInt8>,
    _ fields: Span<UInt8>, _ body: Span<UInt8>, _ deadline: Instant
  ) -> Attempt {
    // What the server did to an idle connection is seen before anything is sent on it.
    turn(&connection, milliseconds: 0)
    connection.send(method, target, fields: fields, body: body, tag: 0, deadline: deadline)
    connection.flush(now: SystemClock.monotonic())
    while true {
      switch connection.nextOutcome() {
      case .response(_, let answer)?:
        if !connection.isClosed { kept = consume connection }
        return .answered(answer)
      case .failed(_, let failure, mayHaveArrived: true)?: return .lost(failure)
      case .failed(_, let failure, mayHaveArrived: false)?: return .unsent(failure)
      case nil: break
      }
      let now = SystemClock.monotonic()
      connection.expire(now: now)
      guard let next = connection.nextDeadline else { continue }
      turn(&connection, milliseconds: Int32(clamping: next.milliseconds(since: now) + 1))
    }
  }

  private func turn(_ connection: inout HTTPClientConnection, milliseconds: Int32) {
    let count = poller.wait(timeoutMilliseconds: milliseconds)
    let now = SystemClock.monotonic()
    for index in 0..<count { connection.happened(poller[index].events, now: now) }
  }
}
