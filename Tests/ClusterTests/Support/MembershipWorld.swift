import Bytes
import Testing

@testable import Cluster

/// Some nodes' memberships on a virtual network: datagrams are late and get lost, requests arrive or
/// fail. The same seed gives the same run.
final class MembershipWorld {
  struct Host {
    let id: NodeID
    var boot: UInt32 = 0
    var endpoint: Endpoint
    var membership: Membership?
    var saved: [UInt8]?
    var stopReason: String?
    var changes: [(at: UInt64, change: MembershipChange)] = []
    var logs: [String] = []
    /// Every effect but `request`, to compare runs.
    var digest: UInt64 = 0
  }

  private enum Arrival {
    case packet(from: Int, boot: UInt32, address: Endpoint, to: Endpoint, bytes: [UInt8])
    case request(Call, to: Endpoint, expected: NodeID?, bytes: [UInt8])
    case response(Call, by: Int, boot: UInt32, bytes: [UInt8])
    case failure(Call, RequestFailure)
  }

  private struct Call {
    let caller: Int
    let boot: UInt32
    let id: RequestID
  }

  var hosts: [Host] = []
  var random: SeededRandom
  private(set) var now: UInt64 = 1_000_000_000
  var settings = MembershipSettings()
  /// Of a thousand datagrams.
  var lost: UInt64 = 0
  var delayMilliseconds: ClosedRange<UInt64> = 1...5
  /// Whether anything passes from one host to another.
  var passes: (Int, Int) -> Bool = { _, _ in true }
  var passesPackets: (Int, Int) -> Bool = { _, _ in true }
  var losesResponses = false
  private(set) var packets = 0
  private(set) var longestPacket = 0
  /// Requests that wait for their answer, by the number given to the callee.
  private var waiting: [UInt64: Call] = [:]
  private var lastRequest: UInt64 = 0
  private var queue: [(at: UInt64, order: UInt64, arrival: Arrival)] = []
  private var order: UInt64 = 0

  init(seed: UInt64) { random = SeededRandom(seed: seed) }

  var instant: Instant { Instant(nanoseconds: now) }

  static func endpoint(_ index: Int) -> Endpoint {
    Endpoint(host: Array("10.0.0.\(index + 1)".utf8), port: 6_660)
  }

  // MARK: Nodes

  /// Starts a node (again): `id` is 100 × (index + 1), in some order that is not that of the addresses.
  @discardableResult
  func start(_ index: Int, seeds: [Int] = [], at endpoint: Endpoint? = nil) -> Int {
    while hosts.count <= index {
      let number = UInt64(hosts.count * 7 % 11 + 1) * 100 + UInt64(hosts.count)
      hosts.append(Host(id: NodeID(number), endpoint: Self.endpoint(hosts.count)))
    }
    if let endpoint { hosts[index].endpoint = endpoint }
    hosts[index].boot += 1
    hosts[index].stopReason = nil
    hosts[index].membership = Membership(
      own: Incarnated(node: hosts[index].id, boot: hosts[index].boot),
      endpoint: hosts[index].endpoint, cluster: 77, settings: settings,
      savedMembers: hosts[index].saved, seeds: seeds.map { hosts[$0].endpoint }, now: instant)
    return index
  }

  func kill(_ index: Int) { hosts[index].membership = nil }

  /// Starts `count` nodes and waits until all know and hear all.
  func form(_ count: Int) {
    start(0)
    for index in 1..<max(1, count) { start(index, seeds: [0]) }
    #expect(run(seconds: 30) { self.allAlive(0..<count) }, "the cluster did not form")
  }

  // MARK: What they believe

  func state(of member: Int, at index: Int) -> MemberState? {
    hosts[index].membership?.member(hosts[member].id)?.state
  }

  func allAlive(_ range: Range<Int>) -> Bool {
    range.allSatisfy { a in range.allSatisfy { b in a == b || state(of: b, at: a) == .alive } }
  }

  func everybody(but index: Int, holds state: MemberState) -> Bool {
    hosts.indices.allSatisfy {
      $0 == index || hosts[$0].membership == nil || self.state(of: index, at: $0) == state
    }
  }

  func savedMembers(of index: Int) -> SavedMembers? {
    guard let saved = hosts[index].saved else { return nil }
    return SavedMembers.decode(saved.span)
  }

  func changes(of index: Int) -> [MembershipChange] { hosts[index].changes.map(\.change) }

  func wasEverDown(_ member: Int) -> Bool {
    hosts.contains { $0.changes.contains { $0.change == .down(hosts[member].id) } }
  }

  // MARK: Time

  /// Lets time pass until `condition` holds (true) or the seconds are over (false).
  @discardableResult
  func run(seconds: Double, until condition: () -> Bool = { false }) -> Bool {
    let end = now + UInt64(seconds * 1e9)
    var spins = 0
    var spinAt = now
    while !condition() {
      var next = queue.first?.at ?? .max
      var ticking: Int?
      for index in hosts.indices {
        guard let due = hosts[index].membership?.nextDeadline.nanoseconds, due < next else {
          continue
        }
        next = due
        ticking = index
      }
      guard next <= end else {
        now = end
        return condition()
      }
      now = max(now, next)
      spins = spinAt == now ? spins + 1 : 0
      spinAt = now
      guard spins < 10_000 else {
        Issue.record("a node's deadline never passes")
        return false
      }
      if let ticking {
        step(ticking) { $0.tick(now: $1, random: &$2, effects: &$3, changes: &$4) }
      } else {
        deliver(queue.removeFirst().arrival)
      }
    }
    return true
  }

  typealias Step = (
    inout Membership, Instant, inout SeededRandom, inout [Effect], inout [MembershipChange]
  ) -> Void

  /// Does something with a node, and carries out what it wants.
  @discardableResult
  func step(_ index: Int, _ body: Step) -> [Effect] {
    guard var membership = hosts[index].membership else { return [] }
    hosts[index].membership = nil
    var effects: [Effect] = []
    var changes: [MembershipChange] = []
    body(&membership, instant, &random, &effects, &changes)
    hosts[index].membership = membership
    hosts[index].changes += changes.map { (now, $0) }
    for effect in effects { carryOut(effect, of: index) }
    return effects
  }

  private func carryOut(_ effect: Effect, of index: Int) {
    let own = Call(caller: index, boot: hosts[index].boot, id: RequestID(0))
    switch effect {
    case .sendPacket(let endpoint, let bytes):
      packets += 1
      longestPacket = max(longestPacket, bytes.count)
      hosts[index].digest = StableHash.bytes(bytes.span, seed: hosts[index].digest)
      guard random.next(below: 1_000) >= lost else { return }
      push(
        .packet(
          from: index, boot: own.boot, address: hosts[index].endpoint, to: endpoint, bytes: bytes))
    case .request(let id, let endpoint, let expected, let channel, let bytes, let timeout):
      #expect(channel == .control && Membership.owns(id))
      let call = Call(caller: index, boot: own.boot, id: id)
      push(.request(call, to: endpoint, expected: expected, bytes: bytes))
      push(.failure(call, .timedOut), after: timeout)
    case .respond(let id, let bytes):
      guard let call = waiting.removeValue(forKey: id.rawValue), !losesResponses else { return }
      push(.response(call, by: index, boot: own.boot, bytes: bytes))
    case .saveMembers(let bytes):
      hosts[index].saved = bytes
    case .log(_, let text):
      hosts[index].logs.append(text)
    case .stop(let reason):
      hosts[index].stopReason = reason
      hosts[index].membership = nil
    case .statusChanged: break
    case .acknowledged, .superseded, .becameReady: Issue.record("not membership's: \(effect)")
    }
  }

  private func push(_ arrival: Arrival, after milliseconds: UInt64? = nil) {
    let span = delayMilliseconds.upperBound - delayMilliseconds.lowerBound + 1
    let delay =
      milliseconds.map { $0 * 1_000_000 }
      ?? (delayMilliseconds.lowerBound * 1_000_000 + random.next(below: span * 1_000_000))
    order += 1
    let at = now + delay
    let place = queue.lastIndex { $0.at <= at }.map { $0 + 1 } ?? 0
    queue.insert((at, order, arrival), at: place)
  }

  private func host(at endpoint: Endpoint) -> Int? {
    hosts.indices.first { hosts[$0].membership != nil && hosts[$0].endpoint == endpoint }
  }

  private func deliver(_ arrival: Arrival) {
    switch arrival {
    case .packet(let from, let boot, let address, let endpoint, let bytes):
      guard let to = host(at: endpoint), passes(from, to), passesPackets(from, to) else { return }
      let sender = Incarnated(node: hosts[from].id, boot: boot)
      step(to) {
        $0.packet(
          bytes, from: sender, address: address, now: $1, random: &$2, effects: &$3, changes: &$4)
      }
    case .request(let call, let endpoint, let expected, let bytes):
      guard let to = host(at: endpoint) else { return push(.failure(call, .unreachable)) }
      guard passes(call.caller, to) else { return }  // it will time out
      guard expected == nil || hosts[to].id == expected else {
        return push(.failure(call, .refused))
      }
      lastRequest += 1
      waiting[lastRequest] = call
      let id = RequestID(lastRequest)
      let sender = Incarnated(node: hosts[call.caller].id, boot: call.boot)
      step(to) {
        $0.request(id, bytes, from: sender, now: $1, random: &$2, effects: &$3, changes: &$4)
      }
    case .response(let call, let by, let boot, let bytes):
      guard hosts[call.caller].boot == call.boot, passes(by, call.caller) else { return }
      let sender = Incarnated(node: hosts[by].id, boot: boot)
      step(call.caller) {
        $0.response(call.id, bytes, from: sender, now: $1, random: &$2, effects: &$3, changes: &$4)
      }
    case .failure(let call, let reason):
      guard hosts[call.caller].boot == call.boot else { return }
      step(call.caller) {
        $0.failed(call.id, reason: reason, now: $1, random: &$2, effects: &$3, changes: &$4)
      }
    }
  }
}
