// Listings that may be long: made and sent in pieces, so that their memory stays bounded.

import Bytes
import JSON
import Platform
import Store

/// A listing on its way to one client. It holds no lock and no copy of the table: each piece goes
/// on behind the key that the last one ended with. A key that is there throughout is listed once;
/// one that comes or goes meanwhile may or may not be.
final class Listing {
  enum Content {
    /// `["key1",…]`
    case keys(Table)
    /// `{"key1":record,…}`
    case records(Table)
    /// The records of the keys in a JSON array, those that exist.
    case chosen(Table, document: [UInt8], JSONCursor)
    /// `{"table":{"key1":record,…},…}`
    case everything([Table])
  }

  private var content: Content
  /// Only this user's records are shown, where reading is for owners.
  private let reader: OwnerID?
  private var lastKey: [UInt8]?
  private var hasBegun = false
  private var hasEntries = false
  /// Chosen keys that were shown, by their hashes: a key that is asked for twice is shown once.
  private var shown: Set<UInt64> = []
  private(set) var isFinished = false
  /// Keys looked at for the present piece.
  private var looks = 0
  /// How the answer is framed.
  var isChunked = false
  var closesAfter = false

  private static let keysPerBatch = 256

  init(_ content: Content, reader: OwnerID?) {
    self.content = content
    self.reader = reader
  }

  /// Appends the next piece: about `Limits.listingPieceBytes`, or less where many keys have nothing
  /// to show, even nothing at all.
  func appendPiece(to output: inout ByteBuffer, from database: Database) {
    let enough = output.count + Limits.listingPieceBytes
    looks = 0
    while !isFinished, output.count < enough, looks < Limits.listingLooksMax {
      switch content {
      case .keys(let table): appendKeys(table, &output, database)
      case .records(let table): appendRecords(table, enough, &output, database)
      case .chosen(let table, let document, var cursor):
        appendChosen(table, document, &cursor, enough, &output, database)
        content = .chosen(table, document: document, cursor)
      case .everything(let tables): appendTables(tables, enough, &output, database)
      }
    }
  }

  // MARK: Keys and records

  private func appendKeys(_ table: Table, _ output: inout ByteBuffer, _ database: Database) {
    begin(0x5b, &output)
    var batch = KeyBatch()
    let more = fetch(table, into: &batch)
    var cursor = 0
    while let key = batch.next(&cursor) {
      if let reader, !isOwned(by: reader, table, key, database) { continue }
      separate(&output)
      JSONWriter.appendString(key, to: &output)
    }
    if !more { end(0x5d, &output) }
  }

  private func appendRecords(
    _ table: Table, _ enough: Int, _ output: inout ByteBuffer, _ database: Database
  ) {
    begin(0x7b, &output)
    if !appendBatch(table, enough, &output, database) { end(0x7d, &output) }
  }

  /// Appends the next entries of a table; false where there are no more behind them.
  private func appendBatch(
    _ table: Table, _ enough: Int, _ output: inout ByteBuffer, _ database: Database
  ) -> Bool {
    var batch = KeyBatch()
    let more = fetch(table, into: &batch)
    var cursor = 0
    while let key = batch.next(&cursor) {
      appendEntry(table, key, &output, database)
      if output.count >= enough {
        // The rest of the batch is fetched again: values are long where this happens.
        lastKey = [UInt8](copying: key)
        return true
      }
    }
    return more
  }

  private func appendChosen(
    _ table: Table, _ document: [UInt8], _ cursor: inout JSONCursor, _ enough: Int,
    _ output: inout ByteBuffer, _ database: Database
  ) {
    begin(0x7b, &output)
    let bytes = document.span
    while output.count < enough, looks < Limits.listingLooksMax {
      guard let element = cursor.nextElement(in: bytes) else { return end(0x7d, &output) }
      looks += 1
      // A text with half a surrogate pair is no key: nothing is stored under it.
      guard let key = JSONReader.string(element, in: bytes) else { continue }
      let name = table.name
      let place = database.place(table.id, name: name.span, key: key.span)
      if shown.insert(place.hash).inserted { appendEntry(table, key.span, &output, database) }
    }
  }

  private func appendTables(
    _ tables: [Table], _ enough: Int, _ output: inout ByteBuffer, _ database: Database
  ) {
    if !hasBegun { output.append(0x7b) }
    guard let table = tables.first else {
      if !hasBegun { hasBegun = true }
      output.append(0x7d)
      isFinished = true
      return
    }
    if lastKey == nil && !hasBegun || needsName {
      if hasBegun { output.append(0x2c) }
      hasBegun = true
      needsName = false
      let name = table.name
      JSONWriter.appendString(name.span, to: &output)
      output.append(":{")
      hasEntries = false
    }
    if appendBatch(table, enough, &output, database) { return }
    output.append(0x7d)
    lastKey = nil
    needsName = true
    content = .everything(Array(tables.dropFirst()))
  }

  /// Of a listing of everything: the next table's name was not written yet.
  private var needsName = false

  // MARK: Parts

  /// Fetches the keys behind the last one.
  ///
  /// - Returns: whether there are more behind them.
  private func fetch(_ table: Table, into batch: inout KeyBatch) -> Bool {
    let after = lastKey
    let more = table.keys.withLock { index in
      index.copyKeys(
        after: after?.span, bytesMax: Limits.listingPieceBytes, countMax: Self.keysPerBatch,
        into: &batch)
    }
    if let last = batch.last { lastKey = [UInt8](copying: last) }
    looks += batch.count
    return more
  }

  private func begin(_ bracket: UInt8, _ output: inout ByteBuffer) {
    guard !hasBegun else { return }
    hasBegun = true
    output.append(bracket)
  }

  private func end(_ bracket: UInt8, _ output: inout ByteBuffer) {
    output.append(bracket)
    isFinished = true
  }

  private func separate(_ output: inout ByteBuffer) {
    if hasEntries { output.append(0x2c) }
    hasEntries = true
  }

  /// `"key":record`, where there is a record that the reader may see.
  private func appendEntry(
    _ table: Table, _ key: Span<UInt8>, _ output: inout ByteBuffer, _ database: Database
  ) {
    let name = table.name
    let place = database.place(table.id, name: name.span, key: key)
    let owners = database.owners
    database.read(place, key: key) { record, _ in
      guard let record, !record.isTombstone, reader == nil || reader == record.owner else { return }
      separate(&output)
      JSONWriter.appendString(key, to: &output)
      output.append(0x3a)
      RecordText.append(
        record, owner: owners.bytes(of: record.owner.rawValue), to: &output)
    }
  }

  private func isOwned(
    by reader: OwnerID, _ table: Table, _ key: Span<UInt8>, _ database: Database
  ) -> Bool {
    let name = table.name
    let place = database.place(table.id, name: name.span, key: key)
    return database.read(place, key: key) { record, _ in record?.owner == reader }
  }
}
