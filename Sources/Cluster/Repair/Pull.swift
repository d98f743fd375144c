import Bytes
import Store

/// A pull in flight: some shards of one peer, one after the other.
struct Pull: Sendable {
  struct Part: Sendable {
    let shard: Int
    /// Where the next page begins.
    var place: UInt64 = 0
    /// What the peer had seen, durably, before its first page.
    var clockAtStart: ShardClock?
  }

  /// Nil where the next page has not been asked for yet: the pace has no room.
  var request: RequestID?
  let peer: NodeID
  let boot: UInt32
  /// What is not yet here; the first one is under way.
  var parts: [Part]
  /// Asks for everything, and applies also what has been seen: the contents differ.
  let isRepair: Bool
}

extension Replication {
  // MARK: Who asks

  /// Asks for what is wanted, in as many pulls as may be in flight.
  mutating func pull<R: Replica & ~Copyable>(
    now: Instant, replica: borrowing R, effects: inout [Effect]
  ) {
    guard !peers.isEmpty else { return }
    chooseSource()
    for number in pulls.indices where pulls[number].request == nil && hasPace(at: now) {
      send(pull: number, replica: replica, effects: &effects)
    }
    for index in peers.indices {
      while pulls.count < settings.pullsMax, mayPull(from: index, at: now), hasPace(at: now) {
        let parts = takeWanted(of: index, replica: replica)
        if parts.isEmpty { break }
        begin(parts, from: index, isRepair: false, now: now, replica: replica, effects: &effects)
      }
    }
  }

  // MARK: Pace

  /// Bytes that are on their way, should every page be a full one.
  private var pulledBytesAwaited: Int {
    settings.pullBytesMax * pulls.count { $0.request != nil }
  }

  private func hasPace(at now: Instant) -> Bool {
    pace.mayGo(reserving: pulledBytesAwaited, at: now)
  }

  /// When there is room for what waits for nothing else; nil where nothing does.
  var paceOpensAt: Instant? {
    let mayBegin =
      pulls.count < settings.pullsMax
      && peers.indices.contains { mayPull(from: $0, at: advancedAt) }
    guard mayBegin || pulls.contains(where: { $0.request == nil }) else { return nil }
    return pace.opensAt(reserving: pulledBytesAwaited, at: advancedAt)
  }

  private func mayPull(from index: Int, at now: Instant) -> Bool {
    guard peers[index].isReachable, !peers[index].wanted.isEmpty,
      peers[index].pullRetry.mayTry(at: now)
    else { return false }
    // While it is filled a node asks one member only, one that counts it as a member.
    guard let filling else { return true }
    return filling.source == peers[index].id
  }

  /// The next shards that are wanted, are not under way, and bring something still.
  private mutating func takeWanted<R: Replica & ~Copyable>(
    of index: Int, replica: borrowing R
  ) -> [Pull.Part] {
    var parts: [Pull.Part] = []
    var next = 0
    while parts.count < settings.pullShardsMax, let shard = peers[index].wanted.first(from: next) {
      next = shard + 1
      if shardsInPull.contains(shard) { continue }
      peers[index].wanted.remove(shard)
      // Another peer may have brought it meanwhile.
      if filling == nil, settings.mutant != .pullForEver, let advert = peers[index].advert,
        replica.clock(ofShard: shard).covers(advert.clocks[shard])
      {
        continue
      }
      parts.append(Pull.Part(shard: shard))
    }
    return parts
  }

  mutating func begin<R: Replica & ~Copyable>(
    _ parts: [Pull.Part], from index: Int, isRepair: Bool, now: Instant, replica: borrowing R,
    effects: inout [Effect]
  ) {
    for part in parts { shardsInPull.insert(part.shard) }
    pulls.append(
      Pull(
        request: nil, peer: peers[index].id, boot: peers[index].boot, parts: parts,
        isRepair: isRepair))
    guard hasPace(at: now) else { return }
    send(pull: pulls.count - 1, replica: replica, effects: &effects)
  }

  /// Asks for the next page of a pull.
  private mutating func send<R: Replica & ~Copyable>(
    pull number: Int, replica: borrowing R, effects: inout [Effect]
  ) {
    let pull = pulls[number]
    guard let index = index(of: pull.peer) else { return }
    var message = Message.request(.pull, capacity: 256)
    message.appendVarint(UInt64(pull.parts.count))
    for part in pull.parts {
      message.appendUInt16(UInt16(part.shard))
      message.appendVarint(part.place)
      let clock = pull.isRepair ? ShardClock() : replica.clock(ofShard: part.shard)
      clock.encode(into: &message)
    }
    pulls[number].request = request(
      to: index, .data, message, timeout: settings.pullTimeoutMilliseconds, effects: &effects)
  }

  /// Takes a page: applies what it brings, and counts a shard as seen at its end.
  mutating func receivePulled<R: Replica & ~Copyable>(
    _ bytes: [UInt8], pull number: Int, now: Instant, replica: inout R, effects: inout [Effect]
  ) {
    pulls[number].request = nil
    pace.spend(bytes.count, at: now)
    var reader = ByteReader(bytes.span)
    guard let index = index(of: pulls[number].peer), Message.isDone(.pull, reading: &reader),
      let hybridTime = reader.readUInt64(), takeTime(hybridTime, replica: &replica),
      let count = reader.readVarint(), count > 0
    else { return endPull(number, at: now) }
    for _ in 0..<count {
      guard
        takeSection(
          reading: &reader, pull: number, peer: index, replica: &replica, effects: &effects)
      else {
        return endPull(number, at: now)
      }
    }
    peers[index].pullRetry.succeeded()
    if pulls[number].parts.isEmpty {
      pulls.remove(at: number)
    } else if hasPace(at: now) {
      send(pull: number, replica: replica, effects: &effects)
    }
  }

  /// A node that is being filled goes on where the cluster's time is.
  ///
  /// A delete that was collected before it came is in the clocks that it takes over and nowhere else.
  /// What it writes next under that key must exceed the delete: members that still keep the tombstone
  /// would refuse the write, the others would not. Every tombstone that the answering member has
  /// collected is older than the time in its advert.
  private func takeTime<R: Replica & ~Copyable>(_ hybridTime: UInt64, replica: inout R) -> Bool {
    guard filling != nil, settings.mutant != .keepOwnTimeAtJoin else { return true }
    return replica.exceed(hybridTime)
  }

  /// Takes one page of one shard. False where it is not what was asked for, or there is no room.
  private mutating func takeSection<R: Replica & ~Copyable>(
    reading reader: inout ByteReader, pull number: Int, peer index: Int, replica: inout R,
    effects: inout [Effect]
  ) -> Bool {
    guard var part = pulls[number].parts.first, let shard = reader.readUInt16(),
      Int(shard) == part.shard, let flags = reader.readUInt8()
    else { return false }
    if flags & PageFlag.hasClock != 0 {
      guard let clock = ShardClock(reading: &reader) else { return false }
      if part.clockAtStart == nil || settings.mutant == .clockAtEnd { part.clockAtStart = clock }
    }
    var next: UInt64?
    if flags & PageFlag.goesOn != 0 {
      guard let place = reader.readVarint(), place > part.place else { return false }
      next = place
    }
    guard let count = reader.readVarint(), let length = reader.readVarint(),
      length <= UInt64(reader.remaining), count <= length,
      let entries = reader.readBytes(Int(length)), let clockAtStart = part.clockAtStart
    else { return false }
    if count > 0 {
      let isForced = pulls[number].isRepair || settings.mutant == .applySeen
      guard let applied = replica.apply(entries, count: Int(count), evenSeen: isForced) else {
        return false
      }
      noteAhead(applied.ahead, effects: &effects)
      counters.pulledEntries += count
    }
    if let next, settings.mutant != .mergeBeforeEnd {
      part.place = next
      pulls[number].parts[0] = part
      return true
    }
    // The log keeps the order: where this is durable, all that the pages brought is.
    guard let position = replica.merge(clockAtStart, intoShard: part.shard) else { return false }
    filling?.filled(part.shard, at: position)
    shardsInPull.remove(part.shard)
    pulls[number].parts.removeFirst()
    counters.pulledShards += 1
    return true
  }

  /// Gives up a pull; what it has not brought is wanted again.
  mutating func endPull(_ number: Int, at now: Instant) {
    let pull = pulls.remove(at: number)
    release(pull)
    guard let index = index(of: pull.peer) else { return }
    filling?.refused(by: pull.peer)
    if !pull.isRepair { for part in pull.parts { peers[index].wanted.insert(part.shard) } }
    peers[index].pullRetry.failed(at: now, settings: settings)
  }

  mutating func release(_ pull: Pull) {
    for part in pull.parts { shardsInPull.remove(part.shard) }
  }

  // MARK: Who is asked

  /// Sends what the other side has not seen, up to the bound of a page.
  ///
  /// What this node had seen durably before it reads a shard is what the other side may count as
  /// seen when it has all of it: each of those writes is in the pages, or something that won against
  /// it is, or was there already.
  mutating func receivePull<R: Replica & ~Copyable>(
    _ id: RequestID, _ body: Span<UInt8>, replica: inout R, effects: inout [Effect]
  ) {
    var reader = ByteReader(body)
    guard let count = reader.readVarint(), count > 0, count <= UInt64(Shard.count) else {
      return refuse(id, .pull, effects: &effects)
    }
    // Who is not ready has not what its cluster had: nobody may become ready by it.
    guard let own = ownAdvert.durable, isReady || settings.mutant == .fillFromUnready else {
      return respond(id, .pull, .notNow, effects: &effects)
    }
    var sections = ByteBuffer(capacity: 4 << 10)
    var entries = ByteBuffer(capacity: 4 << 10)
    var sectionCount: UInt64 = 0
    for _ in 0..<count {
      guard let shard = reader.readUInt16(), shard < Shard.count,
        let place = reader.readVarint(), let clock = ShardClock(reading: &reader)
      else { return refuse(id, .pull, effects: &effects) }
      if sections.count >= settings.pullBytesMax { break }
      entries.clear()
      let page = replica.scan(
        shard: Int(shard), missingFrom: clock, from: place,
        bytesMax: settings.pullBytesMax - sections.count, into: &entries)
      counters.servedEntries += UInt64(page.count)
      let isClockAtEnd = settings.mutant == .clockAtEnd
      let hasClock = isClockAtEnd ? page.next == nil || place == 0 : place == 0
      sections.appendUInt16(shard)
      sections.appendUInt8(
        (hasClock ? PageFlag.hasClock : 0) | (page.next == nil ? 0 : PageFlag.goesOn))
      if hasClock {
        let clock = isClockAtEnd ? replica.clock(ofShard: Int(shard)) : own.clocks[Int(shard)]
        clock.encode(into: &sections)
      }
      if let next = page.next { sections.appendVarint(next) }
      sections.appendVarint(UInt64(page.count))
      sections.appendVarint(UInt64(entries.count))
      sections.append(entries.span)
      sectionCount += 1
      if page.next != nil { break }
    }
    var answer = Message.answer(.pull, capacity: 18 + sections.count)
    answer.appendUInt64(own.hybridTime)
    answer.appendVarint(sectionCount)
    answer.append(sections.span)
    effects.append(.respond(id, bytes: answer.copied()))
  }
}

/// What follows in a page of a shard.
enum PageFlag {
  static let hasClock: UInt8 = 1
  static let goesOn: UInt8 = 2
}
