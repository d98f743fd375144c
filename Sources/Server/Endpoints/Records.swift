// /{table}/key/{key}

import Bytes
import HTTP
import JSON
import Platform
import Store

extension DataLoop {
  mutating func record(_ call: borrowing Call, table: Span<UInt8>, key: Span<UInt8>) {
    switch call.request.method {
    case .get, .head: getRecord(call, table: table, key: key)
    case .put: putRecord(call, table: table, key: key)
    case .patch: patchRecord(call, table: table, key: key)
    case .delete: deleteRecord(call, table: table, key: key)
    case .options: preflight(call, allow: Self.recordMethods)
    case .post, .other:
      guard mayUse(table: table, call) else { return }
      wrongMethod(call, allow: Self.recordMethods)
    }
  }

  static var recordMethods: StaticString { "GET, HEAD, PUT, PATCH, DELETE, OPTIONS" }

  // MARK: Reading

  private mutating func getRecord(
    _ call: borrowing Call, table: Span<UInt8>, key: Span<UInt8>
  ) {
    guard mayUse(table: table, call), mayUse(key: key, call), let reader = readAccess(call) else {
      return
    }
    guard let id = knownTable.find(table, in: database.tables) else { return noRecord(call) }
    showRecord(call, database.place(id, name: table, key: key), key: key, reader: reader)
  }

  /// Answers with a record, straight from the shard into the output.
  mutating func showRecord(
    _ call: borrowing Call, _ place: Place, key: Span<UInt8>, reader: OwnerID?
  ) {
    enum Found { case shown, notOwner, nothing, tooLong }
    let (database, owners) = (database, database.owners)
    let found = database.read(place, key: key) { record, lsn -> Found in
      outputWaitsFor = max(outputWaitsFor, lsn)
      guard let record, !record.isTombstone else { return .nothing }
      if let reader, reader != record.owner { return .notOwner }
      guard record.value.count <= Limits.shortAnswerBytes || !owesTooMuch else { return .tooLong }
      let owner = owners.bytes(of: record.owner.rawValue)
      appendJSONHead(call.style, contentLength: RecordText.count(record, owner: owner))
      if !call.style.isHead { RecordText.append(record, owner: owner, to: &output) }
      return .shown
    }
    switch found {
    case .shown: closeIfAsked(call.slot, call.style)
    case .notOwner: notOwner(call)
    case .nothing: noRecord(call)
    case .tooLong: tooMuchOwed(call)
    }
  }

  // MARK: Writing

  private mutating func putRecord(
    _ call: borrowing Call, table: Span<UInt8>, key: Span<UInt8>
  ) {
    guard mayUse(table: table, call), mayUse(key: key, call),
      let session = requireSession(call)
    else { return }
    put(call, table: table, key: key, by: Writer(owner: session.owner, isAdmin: false))
  }

  mutating func put(
    _ call: borrowing Call, table: Span<UInt8>, key: Span<UInt8>, by writer: Writer
  ) {
    guard let level = mayWrite(call) else { return }
    do throws(JSONError) {
      let range = try PutBody.value(in: call.body, depthMax: limits.jsonDepthMax).range
      let value = call.body.extracting(range)
      guard value.count <= limits.valueBytesMax else { return refused(call, .valueTooLong) }
      // The answer has the value again.
      guard value.count <= Limits.shortAnswerBytes || !owesTooMuch else {
        return tooMuchOwed(call)
      }
      guard let id = internTable(table) else { return refused(call, .tooManyNames) }
      do throws(WriteRefusal) {
        let place = database.place(id, name: table, key: key)
        let receipt = try database.put(place, key: key, value: value, by: writer)
        answerWrite(call, receipt, level, status: 201, value: value)
      } catch {
        refused(call, error)
      }
    } catch {
      badJSON(call, error)
    }
  }

  private mutating func patchRecord(
    _ call: borrowing Call, table: Span<UInt8>, key: Span<UInt8>
  ) {
    guard mayUse(table: table, call), mayUse(key: key, call),
      let session = requireSession(call)
    else { return }
    guard let level = mayWrite(call) else { return }
    do throws(JSONError) {
      let element = try JSONValidator.check(call.body, depthMax: limits.jsonDepthMax)
      guard element.kind == .object else {
        return fail(
          call.slot, call.style, 400,
          "a PATCH is a JSON object: its members replace or join those of the value")
      }
      guard let id = database.tables.find(table) else { return noRecord(call) }
      guard !owesTooMuch else { return tooMuchOwed(call) }
      let place = database.place(id, name: table, key: key)
      var merged = ByteBuffer()
      do throws(WriteRefusal) {
        let receipt = try database.patch(
          place, key: key, patch: call.body.extracting(element.range), into: &merged,
          by: Writer(owner: session.owner, isAdmin: false))
        answerWrite(call, receipt, level, status: 200, value: merged.span)
      } catch {
        refused(call, error)
      }
    } catch {
      badJSON(call, error)
    }
  }

  private mutating func deleteRecord(
    _ call: borrowing Call, table: Span<UInt8>, key: Span<UInt8>
  ) {
    guard mayUse(table: table, call), mayUse(key: key, call),
      let session = requireSession(call)
    else { return }
    delete(call, table: table, key: key, by: Writer(owner: session.owner, isAdmin: false))
  }

  mutating func delete(
    _ call: borrowing Call, table: Span<UInt8>, key: Span<UInt8>, by writer: Writer
  ) {
    guard let level = mayWrite(call) else { return }
    guard let id = database.tables.find(table) else { return noRecord(call) }
    do throws(WriteRefusal) {
      let receipt = try database.delete(
        database.place(id, name: table, key: key), key: key, by: writer)
      waitFor(receipt)
      beginAcknowledged(call.style, lsn: receipt.lsn, level)
      reply(call.slot, call.style, "{\"message\":\"Deleted locally\"}")
      endAcknowledged()
    } catch {
      refused(call, error)
    }
  }

  // MARK: Answers

  private mutating func answerWrite(
    _ call: borrowing Call, _ receipt: WriteReceipt, _ level: AcknowledgementLevel,
    status: UInt16, value: Span<UInt8>
  ) {
    waitFor(receipt)
    beginAcknowledged(call.style, lsn: receipt.lsn, level)
    let owners = database.owners
    let owner = owners.bytes(of: receipt.owner.rawValue)
    beginHead(
      call.style, status: status, contentType: "application/json",
      contentLength: RecordText.count(
        value: value, version: receipt.version, milliseconds: receipt.milliseconds, owner: owner))
    endHead()
    RecordText.append(
      value: value, version: receipt.version, milliseconds: receipt.milliseconds, owner: owner,
      to: &output)
    closeIfAsked(call.slot, call.style)
    endAcknowledged()
  }

  /// How many nodes the client wants to wait for; answers and returns nil where this node may not
  /// write, or does not understand.
  private mutating func mayWrite(_ call: borrowing Call) -> AcknowledgementLevel? {
    guard isReady else {
      notReady(call.slot, call.style)
      return nil
    }
    return acknowledgementLevel(call)
  }

  mutating func waitFor(_ receipt: WriteReceipt) {
    outputWaitsFor = max(outputWaitsFor, receipt.lsn)
    hasAppended = true
  }

  private mutating func internTable(_ name: Span<UInt8>) -> TableID? {
    knownTable.find(name, in: database.tables) ?? database.tables.intern(name)
  }

  // MARK: Refusals

  mutating func noRecord(_ call: borrowing Call) {
    fail(call.slot, call.style, 404, "there is no record under this key")
  }

  mutating func notOwner(_ call: borrowing Call) {
    fail(
      call.slot, call.style, 401, "the record belongs to another user: only its owner may do this")
  }

  mutating func tooMuchOwed(_ call: borrowing Call) {
    fail(
      call.slot, call.style, 503, "too many answers wait for clients that do not read them",
      retryAfterSeconds: 1)
  }

  mutating func badJSON(_ call: borrowing Call, _ error: JSONError) {
    let message =
      error.reason == .tooDeep
      ? "more than \(limits.jsonDepthMax) levels of nesting (DYNA_LIMIT_JSON_DEPTH): flatten it"
      : "\(error.message)"
    fail(call.slot, call.style, 400, "the body: \(message) (at byte \(error.offset))")
  }

  mutating func refused(_ call: borrowing Call, _ refusal: WriteRefusal) {
    switch refusal {
    case .notOwner: notOwner(call)
    case .noRecord: noRecord(call)
    case .notAnObject:
      fail(
        call.slot, call.style, 409,
        "the value is not an object, so it has no members to change: PUT the whole value")
    case .valueTooLong:
      fail(
        call.slot, call.style, 413,
        "the value is longer than \(limits.valueBytesMax) bytes (DYNA_LIMIT_VALUE_BYTES)")
    case .tooManyNames:
      fail(
        call.slot, call.style, 507,
        "a million tables and users are the most that a node knows: use fewer names")
    case .diskFull:
      fail(
        call.slot, call.style, 507,
        "the disk is full: nothing was written; make room and send it again")
    }
  }
}
