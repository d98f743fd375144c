// /admin/…: the same records, past ownership, for who has the admin password.

import Auth
import Bytes
import Crypto
import HTTP
import JSON
import Platform
import Store

extension DataLoop {
  mutating func admin(_ call: borrowing Call, _ path: borrowing Path) {
    // For who has the cluster's secret, too: it is on where the rest is off.
    if path.count <= 3, path[1].equals("members") { return members(call, path) }
    guard node.configuration.adminPassword != nil else {
      return fail(
        call.slot, call.style, 404, "the admin API is off: set ADMIN_PASSWORD to switch it on")
    }
    switch path.count {
    case 2 where path[1].equals("login"):
      switch call.request.method {
      case .post: adminLogin(call)
      case .options: preflight(call, allow: "POST, OPTIONS")
      default: wrongMethod(call, allow: "POST, OPTIONS")
      }
    case 2 where path[1].equals("tables"):
      adminRead(call) { $0.adminTables($1) }
    case 2 where path[1].equals("store") || path[1].equals("keys"):
      _ = mayUse(table: path[0], call)
    case 4 where path[1].equals("table") && path[3].equals("keys"):
      adminKeys(call, table: path[2])
    case 5 where path[1].equals("table") && path[3].equals("key"):
      adminRecord(call, table: path[2], key: path[4])
    default:
      noRoute(call)
    }
  }

  private mutating func adminLogin(_ call: borrowing Call) {
    readsSecret = true
    do throws(JSONError) {
      let body = try JSONValidator.check(call.body, depthMax: limits.jsonDepthMax)
      guard body.kind == .object,
        let member = JSONReader.member("password", of: body, in: call.body),
        var secret = JSONReader.string(member, in: call.body)
      else {
        return fail(call.slot, call.style, 400, "the body is {\"password\":\"…\"}")
      }
      let password = Secret(taking: &secret)
      guard password.count <= Limits.secretBytesMax else { return secretTooLong(call) }
      submit(
        call,
        PasswordJob(
          loop: gate.index, token: token(call.slot), style: call.style, purpose: .admin,
          secret: password,
          address: Socket.peer(connections[call.slot].descriptor)?.address ?? .unknown))
    } catch {
      badJSON(call, error)
    }
  }

  /// Checks the admin token; answers `401` where it is missing or a user's.
  private mutating func adminSession(_ call: borrowing Call) -> Session? {
    if let session = session(call), session.isAdmin { return session }
    fail(call.slot, call.style, 401, "the admin token is needed: POST /admin/login")
    return nil
  }

  private mutating func adminRead(
    _ call: borrowing Call, _ endpoint: (inout DataLoop, borrowing Call) -> Void
  ) {
    switch call.request.method {
    case .get, .head:
      guard adminSession(call) != nil else { return }
      endpoint(&self, call)
    case .options: preflight(call, allow: "GET, HEAD, OPTIONS")
    default: wrongMethod(call, allow: "GET, HEAD, OPTIONS")
    }
  }

  private mutating func adminTables(_ call: borrowing Call) {
    var body = ByteBuffer()
    body.append("{\"tables\":{")
    var isFirst = true
    for table in database.tables.all where !table.isReserved {
      if !isFirst { body.append(",") }
      isFirst = false
      let name = table.name
      JSONWriter.appendString(name.span, to: &body)
      body.append(":")
      body.append(decimal: UInt64(table.count))
    }
    body.append("}}")
    reply(call.slot, call.style, body.span)
  }

  private mutating func adminKeys(_ call: borrowing Call, table: Span<UInt8>) {
    switch call.request.method {
    case .get, .head:
      guard adminSession(call) != nil, mayUse(table: table, call) else { return }
      guard let table = existingTable(table) else { return noTable(call) }
      list(call, .keys(table), reader: nil)
    case .options: preflight(call, allow: "GET, HEAD, OPTIONS")
    default: wrongMethod(call, allow: "GET, HEAD, OPTIONS")
    }
  }

  private mutating func adminRecord(
    _ call: borrowing Call, table: Span<UInt8>, key: Span<UInt8>
  ) {
    let allow: StaticString = "GET, HEAD, PUT, DELETE, OPTIONS"
    switch call.request.method {
    case .options: return preflight(call, allow: allow)
    case .post, .patch, .other: return wrongMethod(call, allow: allow)
    case .get, .head, .put, .delete: break
    }
    guard let session = adminSession(call), mayUse(table: table, call), mayUse(key: key, call)
    else { return }
    let writer = Writer(owner: session.owner, isAdmin: true)
    switch call.request.method {
    case .put: put(call, table: table, key: key, by: writer)
    case .delete: delete(call, table: table, key: key, by: writer)
    default:
      guard let id = database.tables.find(table) else { return noRecord(call) }
      showRecord(call, database.place(id, name: table, key: key), key: key, reader: nil)
    }
  }
}
