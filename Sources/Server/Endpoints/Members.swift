// /admin/members and /admin/members/{member}: who belongs to the cluster, and who no longer does.

import Bytes
import Cluster
import Crypto
import HTTP
import JSON
import Platform

/// An operator's wish to remove a member, and the connection that waits for what becomes of it.
struct MemberRemoval: Sendable {
  let loop: Int
  let token: UInt64
  let style: ReplyStyle
  let name: MemberName
  /// Also where the member answers.
  let isForced: Bool
}

/// What the cluster loop answers.
struct MemberRemovalAnswer: Sendable {
  let token: UInt64
  let style: ReplyStyle
  let outcome: RemovalOutcome
}

extension DataLoop {
  mutating func members(_ call: borrowing Call, _ path: borrowing Path) {
    if path.count == 2 {
      switch call.request.method {
      case .get, .head:
        guard mayOperate(call) else { return }
        listMembers(call)
      case .options: preflight(call, allow: "GET, HEAD, OPTIONS")
      default: wrongMethod(call, allow: "GET, HEAD, OPTIONS")
      }
      return
    }
    switch call.request.method {
    case .delete:
      guard mayOperate(call) else { return }
      removeMember(call, path[2])
    case .options: preflight(call, allow: "DELETE, OPTIONS")
    default: wrongMethod(call, allow: "DELETE, OPTIONS")
    }
  }

  /// Who has the cluster's secret could be a node, and who has the admin's token may do what the
  /// admin may; all others get `401`.
  private mutating func mayOperate(_ call: borrowing Call) -> Bool {
    if knowsClusterSecret(call) { return true }
    if node.configuration.adminPassword != nil, let session = session(call), session.isAdmin {
      return true
    }
    fail(
      call.slot, call.style, 401,
      "this route needs x-api-key with the cluster's secret, or the admin token of POST /admin/login"
    )
    return false
  }

  // MARK: Listing

  private mutating func listMembers(_ call: borrowing Call) {
    let view = node.cluster?.view ?? ClusterView(alone: node.description)
    let milliseconds = SystemClock.wallMilliseconds()
    var body = ByteBuffer()
    body.append("{\"members\":[")
    var isFirst = true
    for member in view.members {
      if !isFirst { body.append(",") }
      isFirst = false
      Self.appendName(member.id, member.address, to: &body)
      body.append(",\"status\":\"")
      body.append(member.status)
      body.append("\",\"self\":")
      body.append(member.isOwn ? "true" : "false")
      body.append(",\"boot\":")
      body.append(decimal: UInt64(member.boot))
      body.append(",\"last_heartbeat\":")
      body.append(decimal: member.isOwn ? milliseconds : member.lastHeard)
      if !member.isOwn { Self.append(member.figures, to: &body) }
      body.append("}")
    }
    body.append("],\"removed\":[")
    isFirst = true
    for member in view.removed {
      if !isFirst { body.append(",") }
      isFirst = false
      Self.appendName(member.id, member.address, to: &body)
      body.append("}")
    }
    body.append("],\"tombstones\":")
    body.append(decimal: UInt64(tombstoneCount))
    body.append(",\"timestamp\":")
    body.append(decimal: milliseconds)
    body.append("}")
    reply(call.slot, call.style, body.span)
  }

  private static func appendName(_ id: UInt64, _ address: [UInt8], to body: inout ByteBuffer) {
    body.append("{\"node\":\"")
    Hex.append(id, digits: 16, to: &body)
    body.append("\",\"address\":")
    JSONWriter.appendString(address.span, to: &body)
  }

  // MARK: Removal

  private mutating func removeMember(_ call: borrowing Call, _ text: Span<UInt8>) {
    guard let name = Self.memberName(text) else {
      return fail(
        call.slot, call.style, 400,
        "a member is named by its 16 hexadecimal digits or its host:port, as GET /admin/members shows them"
      )
    }
    guard let isForced = isForced(call) else {
      return fail(call.slot, call.style, 400, "force is true or false")
    }
    guard let cluster = node.cluster else {
      return fail(
        call.slot, call.style, 404, "this node has no cluster: CLUSTER_SECRET is not set")
    }
    let removal = MemberRemoval(
      loop: gate.index, token: token(call.slot), style: call.style, name: name,
      isForced: isForced)
    guard cluster.submit(removal) else {
      return fail(
        call.slot, call.style, 503, "too many requests of other nodes wait", retryAfterSeconds: 1)
    }
    connections[call.slot].phase = .waiting
    connections[call.slot].awaitsThread = true
    deadlines.clear(call.slot)
  }

  /// A node's number or address, decoded; nil for what is neither.
  static func memberName(_ text: Span<UInt8>) -> MemberName? {
    if text.count == 16, let bytes = Hex.decode(text) {
      let number = bytes.reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
      return number == 0 ? nil : .id(NodeID(number))
    }
    guard text.count <= 300,
      let (host, port) = Configuration.splitAddress(
        String(decoding: [UInt8](copying: text), as: UTF8.self)),
      port != 0, host.utf8.count <= 255
    else { return nil }
    return .endpoint(Endpoint(host: Array(host.utf8), port: port))
  }

  private func isForced(_ call: borrowing Call) -> Bool? {
    guard let value = QueryReader.value(of: "force", in: call.request.query, call.head) else {
      return false
    }
    let text = call.field(value)
    if text.equals("true") { return true }
    return text.equals("false") ? false : nil
  }

  /// Answers the operator who waited, if they are still there.
  mutating func finishRemoval(_ answer: MemberRemovalAnswer) {
    guard let slot = slot(of: answer.token) else { return }
    connections[slot].awaitsThread = false
    switch answer.outcome {
    case .removed(let id, let endpoint): tellRemoved(slot, answer.style, "Removed", id, endpoint)
    case .alreadyRemoved(let id, let endpoint):
      tellRemoved(slot, answer.style, "Removed before", id, endpoint)
    case .unknown:
      fail(
        slot, answer.style, 404,
        "no member has this number or address: GET /admin/members lists all")
    case .own:
      fail(
        slot, answer.style, 409,
        "a node does not remove itself: stop it, and ask another member to remove it")
    case .reachable(_, let endpoint, let state):
      fail(
        slot, answer.style, 409,
        """
        the member at \(endpoint) \(state == .alive ? "is alive" : "was heard a moment ago"): stop it \
        first and wait until it is Down, or force it (?force=true, --force), which stops it and loses \
        what it alone has
        """)
    case .ambiguous(let ids):
      fail(
        slot, answer.style, 409,
        "several members have this address: name one of \(Self.list(ids)) instead")
    }
    resume(slot)
  }

  private mutating func tellRemoved(
    _ slot: Int, _ style: ReplyStyle, _ message: StaticString, _ id: NodeID, _ endpoint: Endpoint
  ) {
    var body = ByteBuffer()
    Self.appendName(id.rawValue, Array(endpoint.text.utf8), to: &body)
    body.append(",\"message\":\"")
    body.append(message)
    body.append("\"}")
    reply(slot, style, body.span)
  }

  private static func list(_ ids: [NodeID]) -> String {
    ids.map { "\($0)" }.joined(separator: ", ")
  }
}
