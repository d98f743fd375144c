// Sessions that peers have opened with this node.

import Bytes
import Cluster
import Crypto
import Platform

/// Greetings and sessions of peers. Bounded: whoever greets without a proof holds a place for ten
/// seconds, and a session that nobody has used for long makes room for a new one.
struct InternalSessions: ~Copyable {
  struct Pending {
    let acceptor: SessionAcceptor
    let since: Instant
  }

  struct Open: ~Copyable {
    var session: Cluster.Session
    var usedAt: Instant
  }

  private let secrets: [ClusterSecret]
  private let cluster: UInt64
  private let own: Incarnated
  private var pending: [Pending] = []
  private var open = Slab<Open>()
  private var slots: [UInt64: Int] = [:]

  static let pendingMax = 64
  static let pendingSeconds: UInt64 = 10
  static let openMax = 1_024

  init(_ identity: LinkIdentity) {
    secrets = identity.secrets
    cluster = identity.cluster
    own = identity.own
  }

  /// Answers a greeting.
  mutating func greet(_ hello: Span<UInt8>, now: Instant) throws(SessionError) -> [UInt8] {
    pending.removeAll { $0.since.advanced(bySeconds: Self.pendingSeconds) <= now }
    if pending.count >= Self.pendingMax { pending.removeFirst() }
    let acceptor = try SessionAcceptor.accept(
      hello: hello, secrets: secrets, cluster: cluster, own: own, nonce: SecureRandom.bytes(32),
      session: freeNumber())
    pending.append(Pending(acceptor: acceptor, since: now))
    return acceptor.answer
  }

  /// Opens the session that the proof belongs to.
  ///
  /// - Returns: the peer that proved itself.
  mutating func prove(
    _ proof: Span<UInt8>, now: Instant, leastBoot: (NodeID) -> UInt32
  ) throws(SessionError) -> Incarnated {
    guard let number = SessionAcceptor.session(ofProof: proof),
      let index = pending.firstIndex(where: { $0.acceptor.session == number })
    else { throw .malformed }
    let acceptor = pending.remove(at: index).acceptor
    let peer = acceptor.peer
    let session = try acceptor.finish(proof: proof, leastBoot: leastBoot(peer.node))
    if open.count >= Self.openMax { dropOldest() }
    slots[number] = open.insert(Open(session: session, usedAt: now))
    return peer
  }

  /// Opens a request's frame into `bytes`.
  mutating func openRequest(
    _ sealed: Span<UInt8>, mark: SessionMark, channel: Channel, now: Instant,
    into bytes: inout ByteBuffer
  ) throws(SessionError) -> Incarnated {
    guard let slot = slots[mark.session] else { throw .unauthentic }
    try open[slot].session.openRequest(
      sealed, counter: mark.counter, channel: channel, into: &bytes)
    open[slot].usedAt = now
    return open[slot].session.peer
  }

  /// Seals the answer to an opened request; false where its session is gone.
  mutating func sealResponse(
    _ bytes: Span<UInt8>, mark: SessionMark, channel: Channel, into sealed: inout ByteBuffer
  ) -> Bool {
    guard let slot = slots[mark.session] else { return false }
    open[slot].session.sealResponse(
      bytes, counter: mark.counter, channel: channel, into: &sealed)
    return true
  }

  private func freeNumber() -> UInt64 {
    while true {
      let number = SecureRandom.uint64()
      if number != 0, slots[number] == nil { return number }
    }
  }

  private mutating func dropOldest() {
    var oldest: (number: UInt64, slot: Int, usedAt: Instant)?
    for (number, slot) in slots where oldest == nil || open[slot].usedAt < oldest!.usedAt {
      oldest = (number, slot, open[slot].usedAt)
    }
    guard let oldest else { return }
    slots[oldest.number] = nil
    _ = open.remove(oldest.slot)
  }
}
