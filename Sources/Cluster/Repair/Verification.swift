import Bytes
import Store

/// The second line of repair: shards of which both sides have seen the same must hold the same. It
/// must find nothing; what it finds is a bug, or a disk that changed its mind.
struct Verification: Sendable {
  /// When the next comparison is due.
  private(set) var at: Instant
  private(set) var request: RequestID?
  /// The shards that were asked about, with the digests of their clocks.
  private(set) var asked: [(shard: Int, clockDigest: UInt64)] = []
  private(set) var peer = NodeID(0)
  /// Shards that differed when they were last compared.
  var suspects = ShardSet()
  /// Where the next comparison begins.
  var next = 0

  init(at: Instant) { self.at = at }

  mutating func begin(
    _ id: RequestID, with peer: NodeID, asking asked: [(shard: Int, clockDigest: UInt64)],
    answerBy deadline: Instant
  ) {
    request = id
    self.peer = peer
    self.asked = asked
    at = deadline
  }

  mutating func ended(at now: Instant, settings: ClusterSettings) {
    request = nil
    asked = []
    at = now.advanced(byMilliseconds: settings.verifyMilliseconds)
  }
}

extension Replication {
  /// Asks a peer about the content of some shards, when that is due.
  mutating func verify<R: Replica & ~Copyable>(
    now: Instant, replica: borrowing R, random: inout SeededRandom, effects: inout [Effect]
  ) {
    guard verification.at <= now else { return }
    verification.ended(at: now, settings: settings)
    let candidates = peers.indices.filter { peers[$0].isReachable && peers[$0].advert != nil }
    guard isReady, !candidates.isEmpty, let own = ownAdvert.durable else { return }
    let index = candidates[Int(random.next(below: UInt64(candidates.count)))]
    let asked = shardsToVerify(with: peers[index], own, replica: replica)
    if asked.isEmpty { return }
    var message = Message.request(.verify, capacity: 10 + 10 * asked.count)
    message.appendVarint(UInt64(asked.count))
    for (shard, clockDigest) in asked {
      message.appendUInt16(UInt16(shard))
      message.appendUInt64(clockDigest)
    }
    let id = request(
      to: index, .control, message, timeout: settings.advertTimeoutMilliseconds,
      effects: &effects)
    verification.begin(
      id, with: peers[index].id, asking: asked,
      answerBy: now.advanced(byMilliseconds: settings.verifyMilliseconds))
  }

  /// Suspects first, then the next ones of which both had seen the same, and nothing since.
  private mutating func shardsToVerify<R: Replica & ~Copyable>(
    with peer: ReplicationPeer, _ own: Advert, replica: borrowing R
  ) -> [(shard: Int, clockDigest: UInt64)] {
    guard let advert = peer.advert else { return [] }
    var asked: [(shard: Int, clockDigest: UInt64)] = []
    func consider(_ shard: Int) {
      guard own.digests[shard] != 0,
        own.digests[shard] == advert.digests[shard] || settings.mutant == .verifyAcrossClocks,
        !shardsInPull.contains(shard), replica.clock(ofShard: shard) == own.clocks[shard],
        !asked.contains(where: { $0.shard == shard })
      else { return }
      asked.append((shard, own.digests[shard]))
    }
    var shard = 0
    while asked.count < settings.verifyShardsMax,
      let suspect = verification.suspects.first(from: shard)
    {
      consider(suspect)
      shard = suspect + 1
    }
    for _ in 0..<Shard.count where asked.count < settings.verifyShardsMax {
      consider(verification.next)
      verification.next = (verification.next + 1) % Shard.count
    }
    return asked
  }

  mutating func receiveVerified<R: Replica & ~Copyable>(
    _ bytes: [UInt8], peer index: Int, now: Instant, replica: inout R, effects: inout [Effect]
  ) {
    let asked = verification.asked
    verification.ended(at: now, settings: settings)
    var reader = ByteReader(bytes.span)
    guard verification.peer == peers[index].id, Message.isDone(.verify, reading: &reader),
      let count = reader.readVarint(), count <= UInt64(asked.count)
    else { return }
    var differing: [Pull.Part] = []
    var scratch = ByteBuffer()
    for _ in 0..<count {
      guard let shard = reader.readUInt16(), let content = reader.readUInt64(),
        let question = asked.first(where: { $0.shard == Int(shard) })
      else { return }
      // Only while nothing has come here either can the two be compared.
      let clock = replica.clock(ofShard: question.shard)
      guard
        clock.digest(scratch: &scratch) == question.clockDigest
          || settings.mutant == .verifyAcrossClocks
      else { continue }
      counters.verifiedShards += 1
      if replica.contentDigest(ofShard: question.shard) == content {
        verification.suspects.remove(question.shard)
      } else if verification.suspects.contains(question.shard) {
        verification.suspects.remove(question.shard)
        differing.append(Pull.Part(shard: question.shard))
      } else {
        verification.suspects.insert(question.shard)
      }
    }
    differing.removeAll { shardsInPull.contains($0.shard) }
    guard !differing.isEmpty else { return }
    counters.repairs += UInt64(differing.count)
    let shards = differing.map { "\($0.shard)" }.joined(separator: " ")
    effects.append(
      .log(
        .error,
        "shards differ from node \(peers[index].id) although both have seen the same: \(shards); records are exchanged"
      ))
    begin(differing, from: index, isRepair: true, now: now, replica: replica, effects: &effects)
  }

  mutating func receiveVerify<R: Replica & ~Copyable>(
    _ id: RequestID, _ body: Span<UInt8>, replica: inout R, effects: inout [Effect]
  ) {
    var reader = ByteReader(body)
    guard let count = reader.readVarint(), count <= UInt64(Shard.count),
      reader.remaining == 10 * Int(count)
    else { return refuse(id, .verify, effects: &effects) }
    var answers = ByteBuffer()
    var answered: UInt64 = 0
    var scratch = ByteBuffer()
    while let shard = reader.readUInt16(), let clockDigest = reader.readUInt64() {
      guard shard < Shard.count else { return refuse(id, .verify, effects: &effects) }
      let clock = replica.clock(ofShard: Int(shard))
      guard
        clock.digest(scratch: &scratch) == clockDigest || settings.mutant == .verifyAcrossClocks
      else { continue }
      answers.appendUInt16(shard)
      answers.appendUInt64(replica.contentDigest(ofShard: Int(shard)))
      answered += 1
    }
    var answer = Message.answer(.verify, capacity: 10 + answers.count)
    answer.appendVarint(answered)
    answer.append(answers.span)
    effects.append(.respond(id, bytes: answer.copied()))
  }
}
