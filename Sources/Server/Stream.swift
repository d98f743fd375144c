// One client that watches one key.

import Bytes
import Store

/// What a stream is owed. Frames are shared; the stream holds only how far it got.
final class Stream {
  let place: Place
  /// What is announced up to this log position was there before the stream.
  let after: UInt64
  /// Only this user's records are shown, where reading is for owners.
  let reader: OwnerID?
  /// Where this stream stands in its group's list.
  var position: Int
  let group: StreamGroup
  /// Frames not yet sent whole, the oldest first.
  private(set) var backlog: [EventFrame] = []
  /// Bytes of the first frame that were sent.
  private(set) var sent = 0
  private var backlogBytes = 0
  /// Heartbeats since the client last took a byte of what it is owed.
  private var beatsWithoutProgress = 0

  init(
    place: Place, reader: OwnerID?, after: UInt64 = 0, group: StreamGroup, position: Int
  ) {
    self.place = place
    self.after = after
    self.reader = reader
    self.group = group
    self.position = position
  }

  /// Adds a frame behind the others. Beyond the bound the frames that were not begun give way to
  /// it: the reader sees the newest state and not each step to it.
  func enqueue(_ frame: EventFrame, sent alreadySent: Int = 0) {
    if backlog.isEmpty {
      sent = alreadySent
      noteProgress()
    }
    if backlogBytes + frame.bytes.count > Limits.streamBacklogBytesMax, !backlog.isEmpty {
      let begun = sent > 0 ? 1 : 0
      for dropped in backlog[begun...] { backlogBytes -= dropped.bytes.count }
      backlog.removeSubrange(begun...)
    }
    backlog.append(frame)
    backlogBytes += frame.bytes.count
  }

  /// Counts bytes of the first frame as sent.
  func advance(_ count: Int) {
    noteProgress()
    sent += count
    guard let first = backlog.first, sent == first.bytes.count else { return }
    backlog.removeFirst()
    backlogBytes -= first.bytes.count
    sent = 0
    if backlog.isEmpty { backlog = [] }
  }

  /// The client took bytes, or is owed nothing.
  func noteProgress() { beatsWithoutProgress = 0 }

  /// Counts a heartbeat at which the client is owed bytes; true where it has taken none for so long
  /// that it counts as gone.
  func isGivenUpAtBeat() -> Bool {
    beatsWithoutProgress += 1
    return beatsWithoutProgress > Limits.streamStalledBeatsMax
  }
}

/// The streams of one key on one loop.
final class StreamGroup {
  let table: TableID
  let key: [UInt8]
  var slots: [Int32] = []

  init(table: TableID, key: [UInt8]) {
    self.table = table
    self.key = key
  }
}

/// All streams of one loop, by the key they show.
struct StreamGroups {
  private var groups: [UInt64: [StreamGroup]] = [:]
  private(set) var count = 0

  mutating func add(
    _ place: Place, key: Span<UInt8>, reader: OwnerID?, slot: Int, after: UInt64 = 0
  ) -> Stream {
    let group: StreamGroup
    if let found = find(place.hash, place.table, key) {
      group = found
    } else {
      group = StreamGroup(table: place.table, key: [UInt8](copying: key))
      groups[place.hash, default: []].append(group)
    }
    group.slots.append(Int32(slot))
    count += 1
    return Stream(
      place: place, reader: reader, after: after, group: group, position: group.slots.count - 1)
  }

  /// - Returns: the slot that took the removed one's position in its group, if another did.
  mutating func remove(_ stream: Stream) -> Int? {
    let group = stream.group
    count -= 1
    let moved = group.slots.removeLast()
    if stream.position < group.slots.count {
      group.slots[stream.position] = moved
      return Int(moved)
    }
    if group.slots.isEmpty {
      groups[stream.place.hash]?.removeAll { $0 === group }
      if groups[stream.place.hash]?.isEmpty == true { groups[stream.place.hash] = nil }
    }
    return nil
  }

  func find(_ hash: UInt64, _ table: TableID, _ key: Span<UInt8>) -> StreamGroup? {
    guard let list = groups[hash] else { return nil }
    for group in list where group.table == table {
      let known = group.key
      if known.span.equals(key) { return group }
    }
    return nil
  }

  func find(_ frame: EventFrame) -> StreamGroup? {
    let key = frame.key
    return find(frame.hash, frame.table, key.span)
  }
}
