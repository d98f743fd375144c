// From a path and a method to an endpoint.

import Bytes
import HTTP

/// The segments of a path, split at its slashes and then decoded, each by itself.
struct Path: ~Escapable {
  /// Five are the most a route has.
  static let segmentsMax = 5

  let bytes: Span<UInt8>
  private let ends: [5 of UInt32]
  private(set) var count: Int

  /// Splits a path that needs no decoding.
  ///
  /// Returns nil where it has more segments than any route.
  @_lifetime(copy bytes)
  init?(plain bytes: Span<UInt8>) {
    var ends: [5 of UInt32] = [5 of UInt32](repeating: 0)
    var count = 0
    var index = 1
    while true {
      while index < bytes.count, bytes[index] != 0x2f { index += 1 }
      guard count < Self.segmentsMax else { return nil }
      ends[count] = UInt32(truncatingIfNeeded: index)
      count += 1
      guard index < bytes.count else { break }
      index += 1
    }
    self.bytes = bytes
    self.ends = ends
    self.count = count
  }

  /// A path whose segments were decoded into `bytes`, one behind the other with a byte between.
  @_lifetime(copy bytes)
  init(decoded bytes: Span<UInt8>, ends: [5 of UInt32], count: Int) {
    self.bytes = bytes
    self.ends = ends
    self.count = count
  }

  subscript(index: Int) -> Span<UInt8> {
    @_lifetime(copy self)
    get {
      let start = index == 0 ? 1 : Int(ends[index - 1]) + 1
      return bytes.extracting(start..<Int(ends[index]))
    }
  }
}

extension DataLoop {
  /// Answers a whole request.
  mutating func dispatch(
    _ slot: Int, _ request: Request, head: Span<UInt8>, body: Span<UInt8>
  ) {
    if let cluster = node.cluster, !cluster.isReady, mustWait(slot, request, head) {
      return park(slot, request, head, body)
    }
    answer(slot, request, head: head, body: body)
  }

  /// As `dispatch`, for a request that need not, or may no longer, wait for the node.
  mutating func answer(
    _ slot: Int, _ request: Request, head: Span<UInt8>, body: Span<UInt8>
  ) {
    let call = Call(
      slot: slot, request: request, style: style(of: request, head: head), head: head, body: body)
    if request.isAsterisk { return preflight(call, allow: "OPTIONS") }
    let raw = call.field(request.path)
    if PercentDecoder.isPlain(raw) {
      guard let path = Path(plain: raw) else { return noRoute(call) }
      return route(call, path)
    }
    guard let split = Path(plain: raw) else { return noRoute(call) }
    var decoded = ByteBuffer(capacity: raw.count)
    var ends: [5 of UInt32] = [5 of UInt32](repeating: 0)
    for index in 0..<split.count {
      decoded.append(0x2f)
      let start = decoded.count
      guard PercentDecoder.decode(split[index], into: &decoded) else {
        return fail(
          slot, call.style, 400, "the path has an escape that is not % and two hexadecimal digits")
      }
      guard PercentDecoder.isValidUTF8(decoded.span.extracting(start..<decoded.count)) else {
        return fail(slot, call.style, 400, "the path is not UTF-8 once it is decoded")
      }
      ends[index] = UInt32(truncatingIfNeeded: decoded.count)
    }
    route(call, Path(decoded: decoded.span, ends: ends, count: split.count))
  }

  private mutating func route(_ call: borrowing Call, _ path: borrowing Path) {
    if node.isWaitingRoom { return waitingRoute(call, path) }
    switch path.count {
    case 3:
      if path[0].equals("admin"), path[1].equals("members") { return admin(call, path) }
      if path[1].equals("key") { return record(call, table: path[0], key: path[2]) }
      if path[1].equals("subscribe") { return subscribe(call, table: path[0], key: path[2]) }
    case 2:
      if path[0].equals("auth") { return users(call, name: path[1]) }
      if path[0].equals("admin") { return admin(call, path) }
      if path[1].equals("store") { return tableStore(call, table: path[0]) }
      if path[1].equals("keys") { return tableKeys(call, table: path[0]) }
    case 1:
      if path[0].equals("stats") { return only(call, "GET, HEAD, OPTIONS") { $0.stats($1) } }
      if path[0].equals("membership") {
        return only(call, "GET, HEAD, OPTIONS") { $0.membership($1) }
      }
      if path[0].equals("heartbeat") {
        return only(call, "GET, HEAD, OPTIONS") { $0.heartbeat($1) }
      }
      if path[0].equals("livez") { return only(call, "GET, HEAD, OPTIONS") { $0.livez($1) } }
      if path[0].equals("readyz") { return only(call, "GET, HEAD, OPTIONS") { $0.readyz($1) } }
      if path[0].equals("join") { return oldJoin(call) }
      if path[0].equals("store") { return only(call, "GET, HEAD, OPTIONS") { $0.wholeStore($1) } }
    case 4, 5:
      if path[0].equals("admin") { return admin(call, path) }
    default: break
    }
    if path[0].equals("internal") { return internalRoute(call, path) }
    noRoute(call)
  }

  /// Runs a read-only endpoint for the methods that read.
  mutating func only(
    _ call: borrowing Call, _ allow: StaticString,
    _ endpoint: (inout DataLoop, borrowing Call) -> Void
  ) {
    switch call.request.method {
    case .get, .head: endpoint(&self, call)
    case .options: preflight(call, allow: allow)
    default: wrongMethod(call, allow: allow)
    }
  }

  mutating func noRoute(_ call: borrowing Call) {
    if call.request.method == .options {
      return preflight(call, allow: "GET, HEAD, PUT, PATCH, POST, DELETE, OPTIONS")
    }
    fail(
      call.slot, call.style, 404,
      "no such route: records are at /{table}/key/{key}, the README lists the rest")
  }

  mutating func wrongMethod(_ call: borrowing Call, allow: StaticString) {
    fail(
      call.slot, call.style, 405, "this route does not know the method; it allows \(allow)",
      allow: allow)
  }

  /// `OPTIONS`: what a browser asks before it sends a script's request, and what a person asks.
  mutating func preflight(_ call: borrowing Call, allow: StaticString) {
    beginHead(call.style, status: 204, contentType: nil, contentLength: nil)
    output.append("Allow: ")
    output.append(allow)
    output.append("\r\n")
    if node.configuration.crossOrigin != .off {
      output.append("Access-Control-Allow-Methods: ")
      output.append(allow)
      output.append(
        """
        \r\nAccess-Control-Allow-Headers: Authorization, Content-Type, Accept, If-Match, \
        If-None-Match, Last-Event-ID, X-API-Key\r\nAccess-Control-Max-Age: 86400\r\n
        """)
    }
    endHead()
    closeIfAsked(call.slot, call.style)
  }
}
