// GET /{table}/subscribe/{key}: the changes of a key as Server-Sent Events.

import Bytes
import HTTP
import Platform
import Store
import Synchronization

extension DataLoop {
  mutating func subscribe(_ call: borrowing Call, table: Span<UInt8>, key: Span<UInt8>) {
    guard mayUse(table: table, call), mayUse(key: key, call) else { return }
    switch call.request.method {
    case .get, .head: break
    case .options: return preflight(call, allow: "GET, HEAD, OPTIONS")
    default: return wrongMethod(call, allow: "GET, HEAD, OPTIONS")
    }
    guard let reader = readAccess(call) else { return }
    guard let id = database.tables.internForReader(table) else {
      return fail(
        call.slot, call.style, 503, "too many names of tables that do not exist are being watched")
    }
    let place = database.place(id, name: table, key: key)
    if let reader, !isReadable(place, key: key, by: reader) { return notOwner(call) }
    beginStream(call, place, key: key, reader: reader)
  }

  /// A key that has no record yet may be watched; one of another owner may not.
  private func isReadable(_ place: Place, key: Span<UInt8>, by reader: OwnerID) -> Bool {
    database.read(place, key: key) { record, _ in
      guard let record, !record.isTombstone else { return true }
      return record.owner == reader
    }
  }

  private mutating func beginStream(
    _ call: borrowing Call, _ place: Place, key: Span<UInt8>, reader: OwnerID?
  ) {
    // The end of a stream is the end of its connection.
    var style = call.style
    style.keepAlive = false
    beginHead(style, status: 200, contentType: "text/event-stream", contentLength: nil)
    output.append("Cache-Control: no-cache, no-transform\r\nX-Accel-Buffering: no\r\n")
    endHead()
    if style.isHead { return closeIfAsked(call.slot, style) }

    EventStream.appendRetry(milliseconds: 2_000, to: &output)
    EventStream.appendComment("subscribed", to: &output)
    let position = watch(call, place, key: key, reader: reader)
    connections[call.slot].stream = streams.add(
      place, key: key, reader: reader, slot: call.slot, after: position)
    connections[call.slot].phase = .streaming
    metrics.streams.store(streams.count, ordering: .relaxed)
    deadlines.set(
      .heartbeat, call.slot, due: now.advanced(bySeconds: Limits.streamHeartbeatSeconds))
  }

  /// Registers the stream. A client that comes back is told the current state first, if it is newer
  /// than what it saw.
  ///
  /// - Returns: the log position from which on the stream is announced everything.
  private mutating func watch(
    _ call: borrowing Call, _ place: Place, key: Span<UInt8>, reader: OwnerID?
  ) -> UInt64 {
    let (database, owners) = (database, database.owners)
    let seen = RecordText.token(call.field(call.request.lastEventID))
    let comesBack = !call.request.lastEventID.isEmpty
    var position: UInt64 = 0
    database.watch(place, key: key, loop: gate.index) { record, lsn in
      position = lsn
      outputWaitsFor = max(outputWaitsFor, lsn)
      guard comesBack, let record, reader == nil || reader == record.owner else { return }
      let origin = database.origins[record.origin]
      let stamp = Stamp(
        hybridTime: record.hybridTime, node: origin.node, boot: origin.boot,
        sequence: record.sequence)
      if let seen, !(seen < stamp) { return }
      output.append(
        EventFrame.render(record, stamp: stamp, owner: owners.bytes(of: record.owner.rawValue)))
    }
    return position
  }

  // MARK: Events

  /// Sends one event to every stream of its key.
  mutating func deliver(_ event: EventFrame) {
    guard let group = streams.find(event) else { return }
    // From the back: a stream that fails is closed, and the last one takes its place.
    let bytes = event.bytes
    var position = group.slots.count - 1
    while position >= 0 {
      if position < group.slots.count { deliver(event, bytes.span, to: Int(group.slots[position])) }
      position -= 1
    }
  }

  private mutating func deliver(_ event: EventFrame, _ bytes: Span<UInt8>, to slot: Int) {
    guard let stream = connections[slot].stream else { return }
    // Announced before this stream began, for another one of the same key.
    if event.lsn <= stream.after { return }
    // The key may have come to belong to another user since the stream began.
    if let reader = stream.reader, reader != event.owner { return }
    guard connections[slot].phase == .streaming, connections[slot].output.isEmpty,
      stream.backlog.isEmpty
    else { return stream.enqueue(event) }
    switch connections[slot].write(bytes) {
    case .bytes(let count):
      if count < bytes.count { stream.enqueue(event, sent: count) }
      deadlines.set(.heartbeat, slot, due: now.advanced(bySeconds: Limits.streamHeartbeatSeconds))
    case .wouldBlock: stream.enqueue(event)
    case .failed: close(slot)
    }
  }

  /// Sends what a stream is owed, as far as its client takes it.
  mutating func pump(_ slot: Int) -> Bool {
    guard flush(slot), let stream = connections[slot].stream else { return false }
    while let frame = stream.backlog.first {
      let bytes = frame.bytes
      let rest = bytes.span.extracting(stream.sent..<bytes.count)
      switch connections[slot].write(rest) {
      case .bytes(let count): stream.advance(count)
      case .wouldBlock: return false
      case .failed:
        close(slot)
        return false
      }
    }
    return false
  }

  /// A comment keeps proxies from closing a quiet stream, and finds out who has left. A client that
  /// has long taken nothing of what it is owed is let go.
  mutating func beat(_ slot: Int) {
    guard let stream = connections[slot].stream else { return }
    if connections[slot].output.isEmpty, stream.backlog.isEmpty {
      stream.noteProgress()
      connections[slot].output.append(":\n\n")
      guard flush(slot) || connections.contains(slot) else { return }
    } else if stream.isGivenUpAtBeat() {
      return close(slot)
    }
    deadlines.set(.heartbeat, slot, due: now.advanced(bySeconds: Limits.streamHeartbeatSeconds))
  }

  /// The client sends no more. If it has only closed its half it still wants its events; if it is
  /// gone, its side answers this comment with a reset, and the stream is closed at once.
  mutating func probe(_ slot: Int) { beat(slot) }

  /// A stream's connection is closed.
  mutating func forget(_ stream: Stream) {
    let key = stream.group.key
    database.unwatch(stream.place, key: key.span, loop: gate.index)
    if let moved = streams.remove(stream) { connections[moved].stream?.position = stream.position }
    metrics.streams.store(streams.count, ordering: .relaxed)
  }
}
