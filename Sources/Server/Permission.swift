// Who asks, and which names may be asked for.

import Auth
import Bytes
import Crypto
import HTTP
import Platform
import Store

/// The bearer of a valid token.
struct Session {
  let owner: OwnerID
  let isAdmin: Bool
}

/// The table that this loop was asked for last: most requests ask for the same one again.
struct KnownTable {
  private var name: [UInt8] = []
  private var id = TableID(rawValue: 0)

  init() {}

  mutating func find(_ name: Span<UInt8>, in tables: TableDirectory) -> TableID? {
    if !self.name.isEmpty, self.name.span.equals(name) { return id }
    guard let found = tables.find(name) else { return nil }
    self.name = [UInt8](copying: name)
    id = found
    return found
  }
}

extension DataLoop {
  /// The bearer of the request's token; nil where there is none or it does not verify.
  mutating func session(_ call: borrowing Call) -> Session? {
    guard call.request.authorizationCount == 1,
      let token = bearerToken(call.field(call.request.authorization)),
      let claims = verifier.verify(token, nowMilliseconds: SystemClock.wallMilliseconds()),
      let owner = database.owners.intern(claims.subject.span)
    else { return nil }
    return Session(owner: OwnerID(rawValue: owner), isAdmin: claims.isAdmin)
  }

  /// As `session`, and answers `401` where there is none.
  mutating func requireSession(_ call: borrowing Call) -> Session? {
    if let session = session(call) { return session }
    fail(
      call.slot, call.style, 401,
      "a valid token is needed: log in with POST /auth/{user} and send Authorization: Bearer <token>"
    )
    return nil
  }

  /// Whether the request carries the cluster's secret as `x-api-key`.
  mutating func knowsClusterSecret(_ call: borrowing Call) -> Bool {
    readsSecret = true
    let key = call.field(call.request.apiKey)
    var isKnown = false
    for secret in node.configuration.clusterSecrets {
      isKnown = ConstantTime.equal(secret.span, key) || isKnown
    }
    return isKnown
  }

  /// Whom a reader must be: nil where reading is open to all, or the reader is the admin.
  ///
  /// - Returns: `.some(.none)` for everything, `.some(owner)` for that owner's records; nil where
  ///   the request was answered.
  mutating func readAccess(_ call: borrowing Call) -> OwnerID?? {
    if readsArePublic { return .some(nil) }
    guard let session = requireSession(call) else { return nil }
    return .some(session.isAdmin ? nil : session.owner)
  }

  /// Checks a table's name; answers and returns false where it may not be used.
  mutating func mayUse(table: Span<UInt8>, _ call: borrowing Call) -> Bool {
    guard !table.isReservedTableName else {
      fail(
        call.slot, call.style, 403,
        "auth, admin, internal and names that begin with _ are reserved: choose another table")
      return false
    }
    guard !table.isEmpty, table.count <= limits.nameBytesMax else {
      fail(
        call.slot, call.style, 400,
        "a table's name is 1 to \(limits.nameBytesMax) bytes (DYNA_LIMIT_NAME_BYTES)")
      return false
    }
    return true
  }

  mutating func mayUse(key: Span<UInt8>, _ call: borrowing Call) -> Bool {
    guard !key.isEmpty, key.count <= limits.keyBytesMax else {
      fail(
        call.slot, call.style, 400,
        "a key is 1 to \(limits.keyBytesMax) bytes (DYNA_LIMIT_KEY_BYTES)")
      return false
    }
    return true
  }

  /// What follows the scheme `Bearer`, in any case, and at least one blank.
  @_lifetime(copy field)
  private func bearerToken(_ field: Span<UInt8>) -> Span<UInt8>? {
    let scheme: StaticString = "bearer"
    guard field.count > 7, field[6] == 0x20 else { return nil }
    for index in 0..<6 where unsafe field[index] | 0x20 != scheme.utf8Start[index] { return nil }
    var start = 7
    while start < field.count, field[start] == 0x20 { start += 1 }
    return field.extracting(start..<field.count)
  }
}
