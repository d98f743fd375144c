public import Bytes
public import HTTP
public import Platform

/// One outgoing HTTP/1.1 connection, as a value in somebody else's event loop.
///
/// The loop adds `descriptor` to its poller with `pollEvents`, once, and reports what the poller
/// says by `happened`. Requests are queued by `send` and go out with the next `flush`; they are
/// pipelined, and each ends in exactly one outcome, which the loop takes by `nextOutcome` after
/// every call of `happened`, `flush`, `expire` and `close`. When `state` is `.closed` and the
/// outcomes are taken, the loop lets go of the value, which closes the descriptor; a closed
/// connection never opens again.
///
/// A server may close an idle connection at any time: that is a `.closed` state without an outcome.
/// A request that was already under way then fails with `.closedByPeer`.
public struct HTTPClientConnection: ~Copyable {
  public enum State: Sendable, Equatable {
    /// The connection, or its TLS handshake, is under way. Requests may be queued already; they go
    /// out when it is open.
    case connecting
    case open
    case closed(HTTPClientFailure)
  }

  /// What a poller is to report. Edge-triggered: whatever is reported is read or sent to its end.
  public static var pollEvents: PollEvents { [.readable, .writable, .peerClosed, .edgeTriggered] }

  public internal(set) var state = State.connecting

  let limits: HTTPClientLimits
  /// What the `Host` field says.
  let host: [UInt8]
  var transport: ClientTransport
  var reader: ResponseReader
  var phase = HTTPClientPhase.connecting
  /// By when the connection must be taken, or the handshake be done.
  var openingDeadline: Instant

  var requests = RequestQueue()
  /// Not later than the first deadline in `requests`.
  var earliestDeadline: Instant?
  var outcomes: [HTTPOutcome] = []
  var outcomesTaken = 0

  /// Bytes received and not used: the beginning of a head.
  var input = ByteBuffer()
  /// Bytes of requests that the transport has not taken.
  var output = ByteBuffer()
  /// Bytes that it has taken since the connection began. `output` begins here.
  var written: UInt64 = 0

  /// Begins a connection, and does not wait for it. Throws where it fails at once.
  ///
  /// - Parameters:
  ///   - address: see `InternetAddress.resolve`, which does block.
  ///   - host: the name or literal by which the server is known, without brackets: for the `Host`
  ///     field, and what the server's certificate must name.
  ///   - tls: whom to trust; nil for a connection in the clear.
  public init(
    to address: InternetAddress, port: UInt16, host: String, tls: TLSContext? = nil,
    limits: HTTPClientLimits, now: Instant
  ) throws(HTTPClientFailure) {
    transport = try ClientTransport(to: address, port: port, tls: tls, serverName: host)
    self.host = Array((host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)").utf8)
    self.limits = limits
    reader = ResponseReader(limits)
    openingDeadline = now.advanced(byMilliseconds: limits.connectMilliseconds)
  }

  /// Valid while this value lives.
  public var descriptor: Int32 { transport.raw }

  public var isClosed: Bool {
    if case .closed = state { return true }
    return false
  }

  /// Requests that wait for their responses.
  public var requestCount: Int { requests.count }

  /// Bytes of requests that the connection has not taken. (Under TLS it takes, and seals, up to
  /// 64 KiB before the kernel does.)
  public var unsentBytes: Int { output.count }

  /// When to call `expire` at the latest; nil where nothing is waited for.
  public var nextDeadline: Instant? {
    switch state {
    case .closed: return nil
    case .open: return earliestDeadline
    case .connecting: return min(openingDeadline, earliestDeadline ?? openingDeadline)
    }
  }

  /// Queues a request. It goes out with the next `flush`, so that the requests of a turn cost one
  /// system call. On a closed connection it fails at once, with the reason of the close.
  ///
  /// - Parameters:
  ///   - target: path and query, percent-encoded.
  ///   - fields: whole field lines, each with its CR LF; the caller vouches for them. `Host` and
  ///     `Content-Length` are written here.
  ///   - body: is copied.
  ///   - tag: comes back with the outcome.
  ///   - deadline: by when the response must have come whole.
  public mutating func send(
    _ method: Method, _ target: Span<UInt8>, fields: Span<UInt8>, body: Span<UInt8>, tag: UInt64,
    deadline: Instant
  ) {
    if case .closed(let reason) = state { return refuse(tag, reason) }
    guard RequestWriter.isTarget(target), method != .other else {
      return refuse(tag, .invalidTarget)
    }
    let count = target.count + fields.count + body.count
    guard requests.count < limits.requestsMax, output.count + count <= limits.outputBytesMax else {
      return refuse(tag, .full)
    }
    let begin = written + UInt64(output.count)
    let announcesLength = !body.isEmpty || method == .put || method == .post || method == .patch
    let host = host
    var bytes = ByteBuffer()
    swap(&bytes, &output)
    RequestWriter.appendHead(
      method, target: target, host: host.span, fields: fields,
      contentLength: announcesLength ? body.count : nil, to: &bytes)
    bytes.append(body)
    swap(&bytes, &output)
    requests.push(
      RequestInFlight(
        tag: tag, method: method, begin: begin, end: written + UInt64(output.count),
        deadline: deadline))
    earliestDeadline = min(deadline, earliestDeadline ?? deadline)
  }

  /// Queues a request without a body or fields of its own.
  public mutating func send(
    _ method: Method, _ target: StaticString, tag: UInt64, deadline: Instant
  ) {
    let nothing: StaticString = ""
    send(
      method, target.bytes, fields: nothing.bytes, body: nothing.bytes, tag: tag,
      deadline: deadline)
  }

  /// The next outcome, in the order in which they came about; nil where none waits.
  public mutating func nextOutcome() -> HTTPOutcome? {
    guard outcomesTaken < outcomes.count else { return nil }
    let outcome = outcomes[outcomesTaken]
    outcomesTaken += 1
    if outcomesTaken == outcomes.count {
      outcomes.removeAll(keepingCapacity: true)
      outcomesTaken = 0
    }
    return outcome
  }

  /// Ends the connection. Requests without a response fail with `.closed`.
  public mutating func close() { close(.closed) }

  /// Ends the connection, and with it all requests. The first reason counts.
  mutating func close(_ reason: HTTPClientFailure) {
    guard !isClosed else { return }
    if state == .open { transport.finish() }
    state = .closed(reason)
    while let request = requests.pop() {
      if !request.isAbandoned { fail(request, reason) }
    }
    earliestDeadline = nil
    input.release()
    output.release()
  }

  mutating func fail(_ request: RequestInFlight, _ reason: HTTPClientFailure) {
    outcomes.append(
      .failed(tag: request.tag, reason, mayHaveArrived: request.begin < written))
  }

  private mutating func refuse(_ tag: UInt64, _ reason: HTTPClientFailure) {
    outcomes.append(.failed(tag: tag, reason, mayHaveArrived: false))
  }
}
