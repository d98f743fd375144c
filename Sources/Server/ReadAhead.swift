// Reading ahead: what the requests of a turn ask for comes into the cache while the kernel works
// for other connections.

import Bytes
import HTTP
import Platform
import Store

/// What was read from connections that were ready in one turn and is not answered yet.
///
/// A lookup among many records waits for memory about as long as all of its instructions take: for
/// the slot, and then for the record that it points to. Where several connections are ready the
/// loop reads them all first and asks for their slots, then for their records, and answers then.
struct ReadAhead: ~Copyable {
  /// More would be fetched too early: the first would leave the cache before it is used.
  static let connectionsMax = 8

  struct Entry {
    var token: UInt64 = 0
    var result = ReadResult.wouldBlock
    /// Where the first request's record lives, as far as a glance could tell.
    var hash: UInt64?
  }

  var entries = [8 of Entry](repeating: Entry())
  var buffers = [8 of ByteBuffer] { _ in ByteBuffer() }
  var count = 0
}

/// A glance at a request that is not parsed yet: which record it will ask for.
enum RequestGlance {
  /// The hash of `GET /{table}/key/{key}` at the front of `bytes`; nil for everything else. It may be
  /// wrong, and then nothing is lost but the glance.
  static func hash(_ bytes: Span<UInt8>, seed: UInt64) -> UInt64? {
    guard bytes.count > 16, bytes[0] == 0x47, bytes[3] == 0x20, bytes[4] == 0x2f else { return nil }
    var index = 5
    while index < bytes.count, bytes[index] != 0x2f {
      if bytes[index] <= 0x20 { return nil }
      index += 1
    }
    let table = 5..<index
    guard bytes.count - index > 6, bytes[index + 1] == 0x6b, bytes[index + 2] == 0x65,
      bytes[index + 3] == 0x79, bytes[index + 4] == 0x2f
    else { return nil }
    let start = index + 5
    index = start
    while index < bytes.count, bytes[index] > 0x20 { index += 1 }
    return StableHash.record(
      table: bytes.extracting(table), key: bytes.extracting(start..<index), seed: seed)
  }
}

extension DataLoop {
  /// Reads from a connection that rests between requests, to answer it a little later.
  ///
  /// - Returns: false where the connection is in the middle of something, and nothing was done.
  mutating func readAhead(_ events: PollEvents, _ token: UInt64) -> Bool {
    guard events.isSubset(of: [.readable, .writable]), events.contains(.readable),
      let slot = slot(of: token), connections[slot].restsBetweenRequests
    else { return false }
    let index = ahead.count
    ahead.count += 1
    let result = connections[slot].read(
      into: &ahead.buffers[index], minimum: DataLoop.readBytes)
    var hash: UInt64?
    if case .bytes = result {
      hash = RequestGlance.hash(ahead.buffers[index].span, seed: database.seed)
      if let hash { database.prefetchSlot(hash) }
    }
    ahead.entries[index] = ReadAhead.Entry(token: token, result: result, hash: hash)
    if ahead.count == ReadAhead.connectionsMax { answerAhead() }
    return true
  }

  /// Answers what was read ahead.
  mutating func answerAhead() {
    let count = ahead.count
    guard count > 0 else { return }
    for index in 0..<count {
      if let hash = ahead.entries[index].hash { database.prefetchRecord(hash) }
    }
    for index in 0..<count {
      let entry = ahead.entries[index]
      var buffer = ByteBuffer()
      swap(&buffer, &ahead.buffers[index])
      if let slot = slot(of: entry.token), use(entry.result, of: slot, &buffer, continues: false) {
        drive(slot)
      }
      buffer.clear()
      swap(&buffer, &ahead.buffers[index])
    }
    ahead.count = 0
  }
}
