import Bytes
import Store

/// The comparison of clocks with one peer, every second.
struct Exchange: Sendable {
  private(set) var request: RequestID?
  /// The own advert that is being compared.
  private(set) var advert: Advert?
  /// What the peer answered so far: its time, and its clocks (at first the own ones).
  private var hybridTime: UInt64 = 0
  private var clocks: [ShardClock] = []
  private var digests: [UInt64] = []
  /// Drawn anew for each, in milliseconds, so that nodes do not all speak at once.
  var jitter: UInt64 = 0
  /// When the next one is due; nil while one is under way.
  private(set) var nextAt: Instant?
  private var retry = Retry()

  init() {}

  /// Whether the last one was not answered.
  var isFailing: Bool { retry.notBefore != nil }

  func isDue(at now: Instant) -> Bool { request == nil && (nextAt.map { $0 <= now } ?? true) }

  mutating func begin(_ id: RequestID, with advert: Advert) {
    request = id
    self.advert = advert
    nextAt = nil
  }

  /// The peer has seen something else; its time is that of its first answer, since all that it
  /// answers later has been seen by then too, or has a later time.
  mutating func goOn(_ id: RequestID, hybridTime: UInt64) {
    request = id
    self.hybridTime = hybridTime
    clocks = advert?.clocks ?? []
    digests = advert?.digests ?? []
  }

  mutating func goOn(_ id: RequestID) { request = id }

  mutating func learn(_ clock: ShardClock, ofShard shard: Int, scratch: inout ByteBuffer) {
    clocks[shard] = clock
    digests[shard] = clock.digest(scratch: &scratch)
  }

  /// What the peer has seen, after its last answer.
  func learned(memberDigest: UInt64) -> Advert {
    Advert(
      hybridTime: hybridTime, memberDigest: memberDigest, clocks: clocks, digests: digests)
  }

  mutating func ended(nextAt: Instant) {
    request = nil
    advert = nil
    clocks = []
    digests = []
    retry.succeeded()
    self.nextAt = nextAt
  }

  mutating func failed(at now: Instant, settings: ClusterSettings) {
    var retry = retry
    retry.failed(at: now, settings: settings)
    ended(nextAt: retry.notBefore ?? now)
    self.retry = retry
  }
}

extension Replication {
  // MARK: Who asks

  /// Asks a peer what it has seen, when that is due and there is something to compare with.
  mutating func exchange(
    peer index: Int, now: Instant, random: inout SeededRandom, effects: inout [Effect]
  ) {
    guard peers[index].exchange.isDue(at: now) else { return }
    guard let advert = ownAdvert.durable else {
      // It will be durable in a moment.
      let soon = now.advanced(byMilliseconds: settings.retryMilliseconds)
      return peers[index].exchange.ended(nextAt: soon)
    }
    var message = Message.request(.clocks)
    Self.append(advert, to: &message)
    let id = request(
      to: index, .control, message, timeout: settings.advertTimeoutMilliseconds,
      effects: &effects)
    peers[index].exchange.begin(id, with: advert)
    peers[index].exchange.jitter = random.next(below: settings.advertMilliseconds / 4 + 1)
  }

  mutating func receiveExchange<R: Replica & ~Copyable>(
    _ bytes: [UInt8], peer index: Int, now: Instant, replica: inout R, effects: inout [Effect]
  ) {
    var reader = ByteReader(bytes.span)
    let kind = Message.kind(reading: &reader)
    guard let own = peers[index].exchange.advert,
      reader.readUInt8() == Message.Status.done.rawValue,
      let memberDigest = reader.readUInt64(), let hybridTime = reader.readUInt64()
    else { return peers[index].exchange.failed(at: now, settings: settings) }
    switch kind {
    case .clocks:
      guard let root = reader.readUInt64() else { break }
      if root == own.root {
        let advert = Advert(
          hybridTime: hybridTime, memberDigest: memberDigest, clocks: own.clocks,
          digests: own.digests)
        return learn(
          advert, of: index, own: own, now: now, replica: replica, effects: &effects)
      }
      let id = askForDifferences(index, from: 0, own, effects: &effects)
      return peers[index].exchange.goOn(id, hybridTime: hybridTime)
    case .differences:
      guard let next = reader.readUInt16(), let count = reader.readVarint(),
        readClocks(count, reading: &reader, peer: index)
      else { break }
      if next < Shard.count {
        let id = askForDifferences(index, from: Int(next), own, effects: &effects)
        return peers[index].exchange.goOn(id)
      }
      let advert = peers[index].exchange.learned(memberDigest: memberDigest)
      return learn(advert, of: index, own: own, now: now, replica: replica, effects: &effects)
    default: break
    }
    peers[index].exchange.failed(at: now, settings: settings)
  }

  private mutating func askForDifferences(
    _ index: Int, from shard: Int, _ own: Advert, effects: inout [Effect]
  ) -> RequestID {
    var message = Message.request(.differences, capacity: 2 + 8 * Shard.count)
    message.appendUInt16(UInt16(shard))
    for digest in own.digests[shard...] { message.appendUInt64(digest) }
    return request(
      to: index, .control, message, timeout: settings.advertTimeoutMilliseconds,
      effects: &effects)
  }

  private mutating func readClocks(
    _ count: UInt64, reading reader: inout ByteReader, peer index: Int
  ) -> Bool {
    var scratch = ByteBuffer()
    for _ in 0..<count {
      guard let shard = reader.readUInt16(), shard < Shard.count,
        let clock = ShardClock(reading: &reader)
      else { return false }
      peers[index].exchange.learn(clock, ofShard: Int(shard), scratch: &scratch)
    }
    return reader.remaining == 0
  }

  /// Notes what a peer has seen, and which shards are to be pulled from it.
  private mutating func learn<R: Replica & ~Copyable>(
    _ advert: Advert, of index: Int, own: Advert, now: Instant, replica: borrowing R,
    effects: inout [Effect]
  ) {
    compareAfterAbsence(advert, of: index, now: now, replica: replica, effects: &effects)
    if settings.mutant == .pullForEver {
      for shard in 0..<Shard.count where own.digests[shard] != 0 {
        peers[index].wanted.insert(shard)
      }
    }
    let isFresh = peers[index].isFresh
    let before = peers[index].advert
    for shard in 0..<Shard.count where advert.digests[shard] != own.digests[shard] {
      // What it had seen a second ago a push should have brought by now.
      guard let known = isFresh ? advert : before, settings.mutant != .dropWithoutPull else {
        continue
      }
      if !replica.clock(ofShard: shard).covers(known.clocks[shard]) {
        peers[index].wanted.insert(shard)
      }
    }
    peers[index].lag = advert.missingCount(of: own)
    peers[index].advert = advert
    peers[index].isFresh = false
    let wait = settings.advertMilliseconds - settings.advertMilliseconds / 8
    peers[index].exchange.ended(
      nextAt: now.advanced(byMilliseconds: wait + peers[index].exchange.jitter))
  }

  // MARK: Who is asked

  mutating func receiveClocks(
    _ id: RequestID, _ body: Span<UInt8>, from: Incarnated, effects: inout [Effect]
  ) {
    var reader = ByteReader(body)
    guard let memberDigest = reader.readUInt64(), let hybridTime = reader.readUInt64(),
      let root = reader.readUInt64(), reader.remaining == 0
    else { return refuse(id, .clocks, effects: &effects) }
    guard let own = ownAdvert.durable else {
      return respond(id, .clocks, .notNow, effects: &effects)
    }
    if root == own.root, let index = index(of: from.node), peers[index].boot == from.boot {
      // The same bytes tell both sides.
      peers[index].advert = Advert(
        hybridTime: hybridTime, memberDigest: memberDigest, clocks: own.clocks,
        digests: own.digests)
      peers[index].lag = 0
    }
    var answer = Message.answer(.clocks)
    Self.append(own, to: &answer)
    effects.append(.respond(id, bytes: answer.copied()))
  }

  mutating func receiveDifferences(
    _ id: RequestID, _ body: Span<UInt8>, effects: inout [Effect]
  ) {
    var reader = ByteReader(body)
    guard let from = reader.readUInt16(), from < Shard.count,
      reader.remaining == 8 * (Shard.count - Int(from))
    else { return refuse(id, .differences, effects: &effects) }
    guard let own = ownAdvert.durable else {
      return respond(id, .differences, .notNow, effects: &effects)
    }
    var clocks = ByteBuffer()
    var count: UInt64 = 0
    var shard = Int(from)
    while shard < Shard.count, clocks.count < settings.clocksBytesMax {
      if reader.readUInt64() != own.digests[shard] {
        clocks.appendUInt16(UInt16(shard))
        own.clocks[shard].encode(into: &clocks)
        count += 1
      }
      shard += 1
    }
    var answer = Message.answer(.differences, capacity: 32 + clocks.count)
    answer.appendUInt64(own.memberDigest)
    answer.appendUInt64(own.hybridTime)
    answer.appendUInt16(UInt16(shard))
    answer.appendVarint(count)
    answer.append(clocks.span)
    effects.append(.respond(id, bytes: answer.copied()))
  }

  private static func append(_ advert: Advert, to message: inout ByteBuffer) {
    message.appendUInt64(advert.memberDigest)
    message.appendUInt64(advert.hybridTime)
    message.appendUInt64(advert.root)
  }
}
