// /{table}/store, /{table}/keys and /store

import Bytes
import HTTP
import JSON
import Store

extension DataLoop {
  mutating func tableStore(_ call: borrowing Call, table: Span<UInt8>) {
    guard mayUse(table: table, call) else { return }
    switch call.request.method {
    case .get, .head:
      guard let reader = readAccess(call) else { return }
      guard let table = existingTable(table) else { return noTable(call) }
      list(call, .records(table), reader: reader)
    case .options: preflight(call, allow: "GET, HEAD, OPTIONS")
    default: wrongMethod(call, allow: "GET, HEAD, OPTIONS")
    }
  }

  mutating func tableKeys(_ call: borrowing Call, table: Span<UInt8>) {
    guard mayUse(table: table, call) else { return }
    switch call.request.method {
    case .get, .head:
      guard let reader = readAccess(call) else { return }
      guard let table = existingTable(table) else { return noTable(call) }
      list(call, .keys(table), reader: reader)
    case .post: chosenKeys(call, table: table)
    case .options: preflight(call, allow: "GET, HEAD, POST, OPTIONS")
    default: wrongMethod(call, allow: "GET, HEAD, POST, OPTIONS")
    }
  }

  /// `POST /{table}/keys` with `["a","b"]` or `{"keys":["a","b"]}`.
  private mutating func chosenKeys(_ call: borrowing Call, table: Span<UInt8>) {
    guard let reader = readAccess(call) else { return }
    do throws(JSONError) {
      var list = try JSONValidator.check(call.body, depthMax: limits.jsonDepthMax)
      if list.kind == .object, let keys = JSONReader.member("keys", of: list, in: call.body) {
        list = keys
      }
      guard list.kind == .array, holdsOnlyStrings(list, in: call.body) else {
        return fail(call.slot, call.style, 400, "the body is [\"key\",…] or {\"keys\":[\"key\",…]}")
      }
      guard let table = existingTable(table) else { return noTable(call) }
      let document = [UInt8](copying: call.body)
      self.list(call, .chosen(table, document: document, JSONCursor(list)), reader: reader)
    } catch {
      badJSON(call, error)
    }
  }

  private func holdsOnlyStrings(_ list: JSONElement, in document: Span<UInt8>) -> Bool {
    var cursor = JSONCursor(list)
    while let element = cursor.nextElement(in: document) {
      if element.kind != .string { return false }
    }
    return true
  }

  /// Everything but the users, for who knows the cluster's secret.
  mutating func wholeStore(_ call: borrowing Call) {
    guard knowsClusterSecret(call) else {
      return fail(
        call.slot, call.style, 401, "this route needs x-api-key with the cluster's secret")
    }
    list(call, .everything(database.tables.all.filter { !$0.isReserved }), reader: nil)
  }

  func existingTable(_ name: Span<UInt8>) -> Table? {
    database.tables.find(name).flatMap { database.tables.existing($0) }
  }

  mutating func noTable(_ call: borrowing Call) {
    fail(call.slot, call.style, 404, "there is no such table: a table begins with its first record")
  }

  // MARK: Sending

  /// Answers with a listing: whole if it is short, else in chunks as the client takes them.
  mutating func list(_ call: borrowing Call, _ content: Listing.Content, reader: OwnerID?) {
    let listing = Listing(content, reader: reader)
    var piece = ByteBuffer()
    listing.appendPiece(to: &piece, from: database)
    waitForListed()
    let isShort = listing.isFinished && piece.count <= Limits.shortAnswerBytes
    guard isShort || !owesTooMuch else { return tooMuchOwed(call) }
    if listing.isFinished { return reply(call.slot, call.style, piece.span) }

    var style = call.style
    let isChunked = style.minorVersion >= 1
    // HTTP/1.0 knows the end of such an answer by the end of the connection.
    if !isChunked { style.keepAlive = false }
    beginHead(style, status: 200, contentType: "application/json", contentLength: nil)
    if isChunked { output.append(ResponseWriter.chunkedField) }
    endHead()
    if style.isHead { return closeIfAsked(call.slot, style) }
    listing.isChunked = isChunked
    listing.closesAfter = !style.keepAlive
    append(piece.span, of: listing)
    connections[call.slot].listing = listing
    connections[call.slot].phase = .listing
  }

  /// The client has taken a piece: makes the next one.
  mutating func continueListing(_ slot: Int) -> Bool {
    guard let listing = connections[slot].listing else {
      preconditionFailure("no listing to continue")
    }
    var piece = ByteBuffer()
    listing.appendPiece(to: &piece, from: database)
    waitForListed()
    append(piece.span, of: listing)
    if listing.isFinished {
      if listing.isChunked { ResponseWriter.appendLastChunk(to: &output) }
      connections[slot].listing = nil
      connections[slot].phase = .open
      if listing.closesAfter {
        connections[slot].closesAfterOutput = true
        connections[slot].lingersAfterOutput = true
      }
    }
    return finishTurn(slot)
  }

  private mutating func append(_ piece: Span<UInt8>, of listing: Listing) {
    if listing.isChunked {
      ResponseWriter.appendChunk(piece, to: &output)
    } else {
      output.append(piece)
    }
  }

  /// What was listed may be newer than what is committed.
  private mutating func waitForListed() {
    outputWaitsFor = max(outputWaitsFor, database.log.appended)
  }
}
